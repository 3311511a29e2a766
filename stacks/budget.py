"""Monthly budget that notifies the alarm topic before and when it is spent."""

from aws_cdk import Aws
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_sns as sns
from constructs import Construct

from settings import Settings, names

# Kind of cost, and the share of the budget in % above which it notifies.
_THRESHOLDS = (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))


class MonthlyBudget(Construct):
    """`budget` of the whole account's costs: `monthly_budget_usd`.

    It is not limited to this system's tags: until somebody activates them as cost allocation tags, which no template
    can do, a budget of tags sees no cost and never notifies. Source: "Activating user-defined cost allocation tags",
    AWS billing user guide.
    """

    def __init__(self, scope: Construct, id: str, *, settings: Settings, topic: sns.ITopic) -> None:
        super().__init__(scope, id)
        budget = budgets.CfnBudget
        self.budget = budget(
            self,
            "Budget",
            budget=budget.BudgetDataProperty(
                budget_name=names.regional(names.resource_name(settings.prefix, "monthly"), Aws.REGION),
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budget.SpendProperty(amount=settings.monthly_budget_usd, unit="USD"),
            ),
            notifications_with_subscribers=[
                budget.NotificationWithSubscribersProperty(
                    notification=budget.NotificationProperty(
                        notification_type=kind,
                        comparison_operator="GREATER_THAN",
                        threshold=share,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[budget.SubscriberProperty(subscription_type="SNS", address=topic.topic_arn)],
                )
                for kind, share in _THRESHOLDS
            ],
            resource_tags=[
                budget.ResourceTagProperty(key="app", value=settings.app),
                budget.ResourceTagProperty(key="stage", value=settings.stage),
            ],
        )
