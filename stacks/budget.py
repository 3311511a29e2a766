"""Monthly budget that notifies the alarm topic before and when it is spent."""

from aws_cdk import Aws, CfnCondition, Fn, ICfnRuleConditionExpression
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_sns as sns
from constructs import Construct

from aws.resource_types import BUDGET, REGIONS_WITHOUT
from settings import Settings, names

# Kind of cost, and the share of the budget in % above which it notifies.
_THRESHOLDS = (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))
_MAX_OPERANDS = 10  # of Fn::Or: "Condition functions", CloudFormation template reference


class MonthlyBudget(Construct):
    """`budget` of the whole account's costs: `monthly_budget_usd`.

    It is not limited to this system's tags: until somebody activates them as cost allocation tags, which no template
    can do, a budget of tags sees no cost and never notifies. Source: "Activating user-defined cost allocation tags",
    AWS billing user guide.

    Where CloudFormation has no budgets, a condition leaves it out, as the CDK does with its AWS::CDK::Metadata.
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
        self.budget.cfn_options.condition = CfnCondition(self, "Exists", expression=Fn.condition_not(_lacks_budgets()))


def _lacks_budgets() -> ICfnRuleConditionExpression:
    """True in a region whose CloudFormation has no budgets; an Fn::Or of several, as each takes ten operands."""
    equal = [Fn.condition_equals(Aws.REGION, region) for region in REGIONS_WITHOUT[BUDGET]]
    groups = [equal[start : start + _MAX_OPERANDS] for start in range(0, len(equal), _MAX_OPERANDS)]
    return Fn.condition_or(*(Fn.condition_or(*group) for group in groups))
