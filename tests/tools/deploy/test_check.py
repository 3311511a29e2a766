"""The check after a deploy: each thing that is not as its stack says is named, with what it should be."""

import base64
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from PIL import Image

from settings import read_settings
from tools.classify_client import ClassifyFailed
from tools.deploy import check as module
from tools.deploy.check import check

URL = "s3://bucket/models/new/model.tar.gz"
SERVING = {
    "EndpointName": "app-dev-ab12", "EndpointConfigName": "config-new", "ModelDataUrl": URL,
    "FunctionName": "app-dev-classify", "AliasName": "live", "ProvisionedConcurrency": "1",
}  # fmt: skip

APP = read_settings({"app": "app"})


class Live:
    """The live system, as clients of each service see it; a test changes what it is about."""

    def __init__(self) -> None:
        self.endpoint: dict[str, Any] = {"EndpointStatus": "InService", "EndpointConfigName": "config-new"}
        self.instances = {"CurrentInstanceCount": 2, "DesiredInstanceCount": 2}
        self.url = URL
        self.targets: list[dict[str, Any]] = [{"MinCapacity": 1, "MaxCapacity": 3}]
        self.policies = [{"PolicyName": "concurrency"}]
        self.templates: dict[str, Any] = {}
        self.answer: dict[str, Any] | Exception = {"predictions": [{"label": "cat", "probability": 0.9}]}
        self.endpoints: list[str] = []
        self.kept: dict[str, Any] | None = {"Status": "READY", "AvailableProvisionedConcurrentExecutions": 1}

    def classify(self, event: dict[str, str]) -> dict[str, Any]:
        assert Image.open(io.BytesIO(base64.b64decode(event["image"]))).size == (64, 64)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def get_waiter(self, name: str) -> "Live":
        assert name == "endpoint_in_service"
        return self

    def wait(self, **_: Any) -> None: ...

    def describe_endpoint(self, **_: Any) -> dict[str, Any]:
        if not self.endpoint:
            raise ClientError({"Error": {"Code": "ValidationException", "Message": "not found"}}, "DescribeEndpoint")
        return {**self.endpoint, "ProductionVariants": [{"VariantName": "live", **self.instances}]}

    def describe_endpoint_config(self, **named: str) -> dict[str, Any]:
        return {"ProductionVariants": [{"ModelName": f"model of {named['EndpointConfigName']}"}]}

    def describe_model(self, **_: Any) -> dict[str, Any]:
        return {"PrimaryContainer": {"ModelDataUrl": self.url}}

    def describe_scalable_targets(self, **_: Any) -> dict[str, Any]:
        return {"ScalableTargets": self.targets}

    def describe_scaling_policies(self, **_: Any) -> dict[str, Any]:
        return {"ScalingPolicies": self.policies}

    def get_template(self, *, StackName: str, TemplateStage: str) -> dict[str, Any]:
        return {"TemplateBody": self.templates[StackName]}

    def get_alias(self, **_: Any) -> dict[str, Any]:
        return {"FunctionVersion": "7"}

    def get_provisioned_concurrency_config(self, **_: Any) -> dict[str, Any]:
        if self.kept is None:
            error = {"Code": "ProvisionedConcurrencyConfigNotFoundException", "Message": "none"}
            raise ClientError({"Error": error}, "GetProvisionedConcurrencyConfig")
        return self.kept


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Live:
    live = Live()
    monkeypatch.setattr(module, "_client", lambda _: live)
    monkeypatch.setattr(module, "ClassifyClient", lambda function: SimpleNamespace(invoke=live.classify))
    monkeypatch.setattr(module, "outputs", {"app-dev-serving": SERVING}.__getitem__)
    monkeypatch.setattr(module, "pages", lambda *_, **__: [{"EndpointName": name} for name in live.endpoints])
    return live


def wrong(asked: Any = None) -> list[str]:
    """Differences that the check reports; its answer agrees with them."""
    lines: list[str] = []
    good = check(APP, asked, say=lines.append)
    found = [line for line in lines if line.startswith("wrong")]
    assert good == (not found)
    return found


def test_a_system_that_is_as_its_stacks_say_passes(live: Live) -> None:
    assert wrong() == []


def test_an_endpoint_that_somebody_removed_is_one_line_with_the_way_back(live: Live) -> None:
    live.endpoint = {}
    [line] = wrong()
    assert line.endswith(
        'somebody removed it: make sleep SETTINGS="app=app" && make wake SETTINGS="app=app" makes it again; '
        "a deploy alone changes nothing"
    )


def test_for_programs_it_is_a_list_of_the_checks(
    live: Live, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "require_aws", lambda: None)
    monkeypatch.setattr(sys, "argv", ["check", "--json", "-c", "app=app"])
    assert module.main() == 0
    found = json.loads(capsys.readouterr().out)
    assert {each["differs"] for each in found} == {""}
    live.endpoint["EndpointConfigName"] = "config-old"
    assert module.main() == 1
    [wrong] = [each for each in json.loads(capsys.readouterr().out) if each["differs"]]
    assert wrong == {"check": "its configuration is config-old", "differs": "expected config-new"}


def test_briefly_it_tells_what_differs_and_how_many_checks_are_right(live: Live) -> None:
    lines: list[str] = []
    assert check(APP, say=lines.append, brief=True)
    [right] = lines
    live.endpoint["EndpointConfigName"] = "config-old"
    assert not check(APP, say=lines.append, brief=True)
    of = right.split()[-4]  # "… 7 of 7 checks are right"
    assert lines[1] == f"checked what is live: {int(of) - 1} of {of} checks are right"
    assert [line.split()[0] for line in lines[2:]] == ["wrong"]


OFF = {"FunctionName": "app-dev-classify", "AliasName": "live", "ProvisionedConcurrency": "0"}


@pytest.fixture
def off(live: Live, monkeypatch: pytest.MonkeyPatch) -> Live:
    """The live system after `make sleep`, beside the endpoint of another deployment."""
    live.kept, live.endpoints = None, ["app-dev-nb-trial", "app-devtest-ab12"]
    live.answer = ClassifyFailed('{"statusCode": 503, "body": "{\\"error\\": {\\"code\\": \\"EndpointOff\\"}}"}')
    monkeypatch.setattr(module, "outputs", {"app-dev-serving": OFF}.__getitem__)
    return live


def test_an_endpoint_that_is_off_is_gone_and_the_function_says_so(off: Live) -> None:
    assert wrong() == []


def test_an_endpoint_that_outlived_its_stack_is_named_with_the_command_that_deletes_it(off: Live) -> None:
    """CloudFormation reports success when it cannot delete what an update no longer has: "Update behaviors of stack
    resources", CloudFormation user guide, and SageMaker refuses while the endpoint is scaled."""
    off.endpoints.append("app-dev-ab12")
    assert wrong() == [
        "wrong  the endpoint is off: one is still there, and costs: "
        "aws sagemaker delete-endpoint --endpoint-name app-dev-ab12"
    ]


@pytest.mark.parametrize(
    "answer", [{"predictions": [{"label": "cat", "probability": 0.9}]}, ClassifyFailed('{"statusCode": 502}')]
)
def test_a_function_that_does_not_know_that_it_is_off_is_wrong(off: Live, answer: Any) -> None:
    off.answer = answer
    assert len(wrong()) == 1


def test_an_update_that_sagemaker_took_back_unsaid_is_found(live: Live) -> None:
    live.endpoint["EndpointConfigName"], live.url = "config-old", "s3://bucket/models/old/model.tar.gz"
    assert wrong() == [
        "wrong  its configuration is config-old: expected config-new",
        f"wrong  its model is s3://bucket/models/old/model.tar.gz: expected {URL}",
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"endpoint": {"EndpointStatus": "Failed", "EndpointConfigName": "config-new"}}, "it is Failed"),
        (
            {
                "endpoint": {
                    "EndpointStatus": "InService",
                    "EndpointConfigName": "config-new",
                    "FailureReason": "alarm errors",
                }
            },
            "its last update failed: alarm errors",
        ),
        ({"instances": {"CurrentInstanceCount": 5, "DesiredInstanceCount": 5}}, "expected 5, within 1 to 3"),
        ({"instances": {"CurrentInstanceCount": 1, "DesiredInstanceCount": 2}}, "expected 2, within 1 to 3"),
        ({"targets": []}, "is not registered"),
        ({"policies": []}, "no policy"),
        ({"kept": None}, "expected 1 provisioned instances, found none"),
        (
            {
                "kept": {
                    "Status": "FAILED",
                    "AvailableProvisionedConcurrentExecutions": 0,
                    "StatusReason": "out of space",
                }
            },
            "Lambda reports FAILED: out of space",
        ),
    ],
)
def test_each_difference_is_named(live: Live, change: dict[str, Any], said: str) -> None:
    for name, value in change.items():
        setattr(live, name, value)
    (line,) = wrong()
    assert said in line


def test_scaling_that_a_killed_load_test_left_suspended_is_found_with_the_command_that_resumes_it(live: Live) -> None:
    live.targets[0]["SuspendedState"] = {"DynamicScalingInSuspended": False, "DynamicScalingOutSuspended": True}
    (line,) = wrong()
    assert "it is suspended; resume: aws application-autoscaling register-scalable-target" in line
    assert line.endswith(
        "--resource-id endpoint/app-dev-ab12/variant/live --suspended-state DynamicScalingOutSuspended=false"
    )
    live.targets[0]["SuspendedState"]["DynamicScalingOutSuspended"] = False
    assert wrong() == []


def test_no_instance_kept_warm_is_right_where_none_should_be(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    live.kept = None
    monkeypatch.setitem(SERVING, "ProvisionedConcurrency", "0")
    assert wrong() == []


@pytest.mark.parametrize(
    "error",
    [
        ClassifyFailed('{"statusCode": 503, "body": "endpoint"}'),
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "lambda:InvokeFunction"}}, "Invoke"),
    ],
)
def test_a_function_that_does_not_answer_is_wrong_though_all_descriptions_are_right(
    live: Live, error: Exception
) -> None:
    live.answer = error
    [line] = wrong()
    assert line == f"wrong  function app-dev-classify:live classifies an image: {error}"


def test_a_stack_that_another_deploy_has_changed_is_not_what_this_one_asked_for(live: Live, tmp_path: Path) -> None:
    asked = {"Resources": {"Endpoint": {"Type": "AWS::SageMaker::Endpoint"}}, "Mappings": {"new": {}}}
    (tmp_path / "t.json").write_text(json.dumps(asked))
    stack = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "t.json"}}
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": {"app-dev-serving": stack}}))

    live.templates["app-dev-serving"] = {"Resources": asked["Resources"]}  # CloudFormation saw no change
    assert wrong(SimpleNamespace(folder=tmp_path)) == []
    live.templates["app-dev-serving"] = {"Resources": {}}
    [line] = wrong(SimpleNamespace(folder=tmp_path))
    assert line == "wrong  stack app-dev-serving is as this deploy made it: another deploy has changed it since"
