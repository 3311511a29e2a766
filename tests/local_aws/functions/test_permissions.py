"""EventBridge calls a function only as the function's resource policy says."""

import io
import json
import zipfile

import pytest

from tests.local_aws.conftest import Client, make_role
from tests.waiting import until

pytestmark = pytest.mark.e2e
CODE = "def handler(event, context):\n    print('called by', event['source'])\n"


@pytest.fixture(scope="module")
def function(client: Client) -> str:
    role = make_role(
        client, "called", "lambda.amazonaws.com",
        {"Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"},
    )  # fmt: skip
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as packed:
        packed.writestr("called.py", CODE)
    made = client("lambda").create_function(
        FunctionName="called", Runtime="python3.12", Role=role, Handler="called.handler",
        Code={"ZipFile": code.getvalue()},
    )  # fmt: skip
    return str(made["FunctionArn"])


def called(client: Client) -> list[str]:
    """Sources of the events that called the function."""
    logs = client("logs")
    try:
        found = logs.filter_log_events(logGroupName="/aws/lambda/called")["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [event["message"].split()[-1] for event in found if event["message"].startswith("called by")]


def rule(client: Client, function: str, name: str) -> str:
    """A rule that calls the function for events from `name`."""
    events = client("events")
    arn = events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))["RuleArn"]
    events.put_targets(Rule=name, Targets=[{"Id": "f", "Arn": function}])
    return str(arn)


def test_a_rule_calls_as_the_policy_says_and_gives_no_source_account(client: Client, function: str) -> None:
    """ "Troubleshooting Amazon EventBridge": a SourceAccount in the policy prevents EventBridge from calling."""
    grants = {"none": None, "account": {"SourceAccount": "000000000000"}, "arn": {}, "other": {}}
    for name, more in grants.items():
        arn = rule(client, function, name)
        if more is not None:
            source = arn.replace("/other", "/another")
            client("lambda").add_permission(
                FunctionName="called", StatementId=name, Action="lambda:InvokeFunction",
                Principal="events.amazonaws.com", SourceArn=source, **more,
            )  # fmt: skip
    client("events").put_events(
        Entries=[{"Source": name, "DetailType": "d", "Detail": "{}"} for name in ("none", "account", "other", "arn")]
    )
    assert until(lambda: called(client)) == ["arn"]
