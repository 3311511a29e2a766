"""IAM authorises the action that is performed: a caller cannot have another one authorised in its place."""

import json
from typing import Any

import pytest
from ministack.core import iam_actions

from local_aws.iam import requests as iam_requests

REGION, ACCOUNT = "eu-west-1", "111122223333"


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("extract_iam_action", "extract_resource_arn", "request_tag_context"):
        monkeypatch.setattr(iam_actions, name, getattr(iam_actions, name))  # put back at the end
    services = {**iam_actions._BOTOCORE_SERVICE_MAP, "sagemaker": ["sagemaker-runtime"]}  # as the plug-in does
    monkeypatch.setattr(iam_actions, "_BOTOCORE_SERVICE_MAP", services)
    monkeypatch.setitem(iam_actions.SERVICE_TO_IAM_NAMESPACE, "sagemaker", "sagemaker")
    monkeypatch.setattr(iam_actions, "_REST_ROUTE_CACHE", {})
    iam_requests.install()


def action(
    service: str,
    method: str = "POST",
    path: str = "/",
    target: str = "",
    body: bytes = b"",
    query: dict[str, Any] | None = None,
) -> str:
    headers = {"x-amz-target": target} if target else {}
    return str(iam_actions.extract_iam_action(service, method, path, headers, body, query or {}))


def resource(service: str, operation: str, query: dict[str, Any] | None = None, path: str = "/", **request: Any) -> str:
    headers, body = {"x-amz-target": f"X.{operation}"}, json.dumps(request).encode()
    found = iam_actions.extract_resource_arn(service, "POST", path, headers, body, query or {}, REGION, ACCOUNT)
    return str(found)


FUNCTION = "/2015-03-31/functions/f"


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/2015-03-31/functions", "CreateFunction"),
        ("POST", f"{FUNCTION}/invocations", "InvokeFunction"),
        ("DELETE", FUNCTION, "DeleteFunction"),
        ("DELETE", f"{FUNCTION}/aliases/live", "DeleteAlias"),  # MiniStack: ListAliases
        ("PUT", f"{FUNCTION}/aliases/live", "UpdateAlias"),
        ("DELETE", "/2017-10-31/functions/f/concurrency", "DeleteFunctionConcurrency"),
        ("PUT", "/2019-09-30/functions/f/provisioned-concurrency", "PutProvisionedConcurrencyConfig"),
        ("DELETE", f"{FUNCTION}/policy/s", "RemovePermission"),
        ("PUT", "/nowhere", "UnknownOperation"),
    ],
)
def test_a_lambda_operation_has_its_own_action(method: str, path: str, expected: str) -> None:
    query = {"Qualifier": ["live"]} if "provisioned" in path else {}
    assert action("lambda", method, path, query=query) == f"lambda:{expected}"


@pytest.mark.parametrize(
    ("service", "method", "path", "expected"),
    [
        ("lambda", "DELETE", FUNCTION, "lambda:DeleteFunction"),
        ("s3", "DELETE", "/bucket/key", "s3:DeleteObject"),
        ("sagemaker", "POST", "/endpoints/e/invocations", "sagemaker:InvokeEndpoint"),
    ],
)
def test_a_path_s_action_cannot_be_talked_over(service: str, method: str, path: str, expected: str) -> None:
    assert action(service, method, path, target="X.GetObject") == expected
    assert action(service, method, path, query={"Action": ["ListFunctions"]}) == expected


def test_nor_can_a_target_s() -> None:
    assert action("kms", target="TrentService.Decrypt", query={"Action": ["ListKeys"]}) == "kms:Decrypt"


def test_a_parameter_that_is_given_twice_has_no_action() -> None:
    body, query = b"Action=DeleteRole&RoleName=r", {"Action": ["GetRole"], "RoleName": ["r"]}

    assert action("iam", body=body, query=query) == "iam:UnknownOperation"
    assert action("iam", body=body, query={"Action": ["DeleteRole"], "RoleName": ["mine"]}) == "iam:UnknownOperation"
    assert action("iam", body=body, query={"Action": ["DeleteRole"], "RoleName": ["r"]}) == "iam:DeleteRole"
    assert action("iam", target="X.DeleteRole", query={"Action": ["GetRole"]}) == "iam:UnknownOperation"


@pytest.mark.parametrize("service", ["cloudformation", "events", "iam", "kms", "lambda", "logs", "s3", "sagemaker"])
def test_what_cannot_be_named_is_not_let_through(service: str) -> None:
    assert action(service, "PATCH", "/a/b") == f"{service}:UnknownOperation"


def test_metrics_are_named_in_any_protocol() -> None:
    path = "/service/GraniteServiceVersion20100801/operation/PutMetricData"

    assert action("monitoring", path=path) == "cloudwatch:PutMetricData"
    assert action("monitoring", target="Granite.PutMetricData") == "cloudwatch:PutMetricData"
    assert action("monitoring", query={"Action": ["PutMetricData"]}) == "cloudwatch:PutMetricData"


def test_a_metric_s_namespace_is_a_condition_key() -> None:
    body = json.dumps({"Namespace": "N"}).encode()

    found = iam_actions.request_tag_context("monitoring", "cloudwatch:PutMetricData", body, {})

    assert found["cloudwatch:namespace"] == "N"


@pytest.mark.parametrize(
    ("operation", "request_", "expected"),
    [
        ("CreateTrainingJob", {"EnableNetworkIsolation": True}, "true"),
        ("CreateModel", {"EnableNetworkIsolation": False}, "false"),
        ("CreateHyperParameterTuningJob", {"TrainingJobDefinition": {"EnableNetworkIsolation": True}}, "true"),
        ("CreateHyperParameterTuningJob", {"TrainingJobDefinition": {}, "EnableNetworkIsolation": True}, None),
        ("CreateTrainingJob", {}, None),
        ("CreateTrainingJob", [], None),
    ],
)
def test_network_isolation_is_a_condition_key(operation: str, request_: Any, expected: str | None) -> None:
    """ "Actions, resources, and condition keys for Amazon SageMaker", Service Authorization Reference."""
    body = json.dumps(request_).encode()
    found = iam_actions.request_tag_context("sagemaker", f"sagemaker:{operation}", body, {})
    assert found.get("sagemaker:NetworkIsolation") == expected


GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/g"
RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule"
PARAMETER = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter"


@pytest.mark.parametrize(
    ("service", "operation", "request_", "expected"),
    [
        ("logs", "FilterLogEvents", {"logGroupIdentifier": f"{GROUP}:*"}, f"{GROUP}:log-stream:"),
        ("logs", "CreateLogGroup", {"logGroupName": "/g"}, f"{GROUP}:log-stream:"),
        ("logs", "DescribeLogStreams", {"logGroupName": "/g"}, f"{GROUP}:log-stream:"),
        ("logs", "TagResource", {"resourceArn": GROUP}, GROUP),
        ("logs", "GetLogEvents", {"logGroupName": "/g", "logStreamName": "s"}, f"{GROUP}:log-stream:s"),
        ("events", "PutRule", {"Name": "r"}, f"{RULE}/r"),
        ("events", "PutTargets", {"Rule": "r"}, f"{RULE}/r"),
        ("events", "PutTargets", {"Rule": "r", "EventBusName": "b"}, f"{RULE}/b/r"),
        ("ssm", "GetParameters", {"Names": ["/a/b"]}, f"{PARAMETER}/a/b"),
        ("ssm", "GetParameters", {"Names": ["/a", "/b"]}, "*"),
        ("kms", "Encrypt", {"KeyId": "12"}, f"arn:aws:kms:{REGION}:{ACCOUNT}:key/12"),
    ],
)
def test_a_request_s_resource_is_the_one_that_iam_names(
    service: str, operation: str, request_: dict[str, Any], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log group's: "not authorized to perform: logs:CreateLogGroup on resource: …:log-group:NAME:log-stream:", in
    https://github.com/elastic/apm-aws-lambda/issues/526."""
    monkeypatch.setattr("local_aws.keys.get_region", lambda: REGION)
    monkeypatch.setattr("local_aws.keys.get_account_id", lambda: ACCOUNT)

    assert resource(service, operation, **request_) == expected


def test_a_qualified_call_is_authorised_on_the_version_or_alias() -> None:
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"

    assert resource("lambda", "", path=f"{FUNCTION}/invocations") == arn
    assert resource("lambda", "", {"Qualifier": ["live"]}, path=f"{FUNCTION}/invocations") == f"{arn}:live"
    assert resource("lambda", "", path=f"{FUNCTION}:live/invocations") == f"{arn}:live"
    assert resource("lambda", "", path="/2015-03-31/functions", FunctionName="f") == arn


def test_an_iam_path_is_part_of_the_arn() -> None:
    query = {"Action": ["CreateRole"], "RoleName": ["r"], "Path": ["/team/"]}

    assert resource("iam", "", query) == f"arn:aws:iam::{ACCOUNT}:role/team/r"
