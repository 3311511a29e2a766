"""CloudFormation refuses a type that its region lacks before it makes anything, unless a condition leaves it out."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_aws.conftest import Client
from tests.waiting import WAITER_CONFIG

BUDGET = {
    "Type": "AWS::Budgets::Budget",
    "Properties": {
        "Budget": {"BudgetName": "north", "BudgetType": "COST", "TimeUnit": "MONTHLY",
                   "BudgetLimit": {"Amount": 1, "Unit": "USD"}},
    },
}  # fmt: skip
TOPIC = {"Type": "AWS::SNS::Topic"}
ELSEWHERE = {"Elsewhere": {"Fn::Not": [{"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-north-1"]}]}}


def template(**resources: Any) -> str:
    return json.dumps({"Conditions": ELSEWHERE, "Resources": resources})


def test_a_type_that_the_region_lacks_is_refused_and_no_stack_is_made(client: Client) -> None:
    north = client("cloudformation", region="eu-north-1")
    with pytest.raises(ClientError, match=r"Unrecognized resource types: \[AWS::Budgets::Budget\]"):
        north.create_stack(StackName="with", TemplateBody=template(Budget=BUDGET, Topic=TOPIC))
    with pytest.raises(ClientError, match="does not exist"):
        north.describe_stacks(StackName="with")


def test_with_a_condition_that_is_false_there_the_rest_is_made(client: Client) -> None:
    body = template(Budget=BUDGET | {"Condition": "Elsewhere"}, Topic=TOPIC)
    north = client("cloudformation", region="eu-north-1")
    north.create_stack(StackName="without", TemplateBody=body)
    north.get_waiter("stack_create_complete").wait(StackName="without", WaiterConfig=WAITER_CONFIG)
    made = north.describe_stack_resources(StackName="without")["StackResources"]
    assert [each["ResourceType"] for each in made] == ["AWS::SNS::Topic"]
