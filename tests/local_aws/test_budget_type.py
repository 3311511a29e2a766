"""AWS::Budgets::Budget is created, updated and deleted with its stack."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws.home import ACCOUNT
from tests.local_aws.conftest import Client, wait_for_stack
from tests.waiting import WAITER_CONFIG

pytestmark = pytest.mark.e2e


def template(dollars: int) -> str:
    budget: dict[str, Any] = {
        "BudgetName": "month", "BudgetType": "COST", "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": dollars, "Unit": "USD"},
    }  # fmt: skip
    told = {
        "Notification": {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80},
        "Subscribers": [{"SubscriptionType": "EMAIL", "Address": "someone@example.org"}],
    }
    properties = {
        "Budget": budget,
        "NotificationsWithSubscribers": [told],
        "ResourceTags": [{"Key": "app", "Value": "a"}],
    }
    return json.dumps({"Resources": {"Budget": {"Type": "AWS::Budgets::Budget", "Properties": properties}}})


def test_a_budget_follows_its_stack(client: Client) -> None:
    cloudformation, budgets = client("cloudformation"), client("budgets")

    def limit() -> float:
        described = budgets.describe_budget(AccountId=ACCOUNT, BudgetName="month")
        return float(described["Budget"]["BudgetLimit"]["Amount"])

    cloudformation.create_stack(StackName="budget", TemplateBody=template(200))
    assert wait_for_stack(client, "budget") == "CREATE_COMPLETE"
    assert limit() == 200
    (told,) = budgets.describe_notifications_for_budget(AccountId=ACCOUNT, BudgetName="month")["Notifications"]
    assert told["Threshold"] == 80

    cloudformation.update_stack(StackName="budget", TemplateBody=template(300))
    assert wait_for_stack(client, "budget") == "UPDATE_COMPLETE"
    assert limit() == 300

    cloudformation.delete_stack(StackName="budget")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="budget", WaiterConfig=WAITER_CONFIG)
    with pytest.raises(ClientError, match="doesn't exist"):
        limit()
