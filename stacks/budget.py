"""A monthly budget, which tells the alarm topic before and when it is spent."""

from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_sns as sns
from constructs import Construct

from settings import Settings, names

# Share of the budget in %, of what is spent or of what the month will come to.
_TELL_AT = (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))


class MonthlyBudget(Construct):
    """Costs of the whole account, over `monthly_budget_usd`.

    Not of this system's tags alone: until somebody activates them as cost allocation tags, which no template can, a
    budget of tags sees no cost at all and never tells. Source: "Activating user-defined cost allocation tags", AWS
    billing user guide.
    """

    def __init__(self, scope: Construct, id: str, *, settings: Settings, topic: sns.ITopic) -> None:
        super().__init__(scope, id)
        budget = budgets.CfnBudget
        self.budget = budget(
            self,
            "Budget",
            budget=budget.BudgetDataProperty(
                budget_name=names.budget_name(settings.prefix),
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
                for kind, share in _TELL_AT
            ],
            resource_tags=[
                budget.ResourceTagProperty(key="app", value=settings.app),
                budget.ResourceTagProperty(key="stage", value=settings.stage),
            ],
        )
