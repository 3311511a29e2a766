"""The check after a deploy: each thing that is not as its stack says is named, with what it should be."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tools.deploy import check as module
from tools.deploy.check import check

URL = "s3://bucket/models/new/model.tar.gz"
SERVING = {
    "EndpointName": "app-dev-ab12", "EndpointConfigName": "config-new", "ModelDataUrl": URL,
    "FunctionName": "app-dev-classify", "AliasName": "live", "ProvisionedConcurrency": "1",
}  # fmt: skip


class Live:
    """The live system, as clients of each service see it; a test changes what it is about."""

    def __init__(self) -> None:
        self.endpoint: dict[str, Any] = {"EndpointStatus": "InService", "EndpointConfigName": "config-new"}
        self.instances = {"CurrentInstanceCount": 2, "DesiredInstanceCount": 2}
        self.url = URL
        self.targets: list[dict[str, Any]] = [{"MinCapacity": 1, "MaxCapacity": 3}]
        self.policies = [{"PolicyName": "concurrency"}]
        self.kept: dict[str, Any] | None = {"Status": "READY", "AvailableProvisionedConcurrentExecutions": 1}

    def get_waiter(self, name: str) -> "Live":
        assert name == "endpoint_in_service"
        return self

    def wait(self, **_: Any) -> None: ...

    def describe_endpoint(self, **_: Any) -> dict[str, Any]:
        return {**self.endpoint, "ProductionVariants": [{"VariantName": "live", **self.instances}]}

    def describe_endpoint_config(self, **named: str) -> dict[str, Any]:
        return {"ProductionVariants": [{"ModelName": f"model of {named['EndpointConfigName']}"}]}

    def describe_model(self, **_: Any) -> dict[str, Any]:
        return {"PrimaryContainer": {"ModelDataUrl": self.url}}

    def describe_scalable_targets(self, **_: Any) -> dict[str, Any]:
        return {"ScalableTargets": self.targets}

    def describe_scaling_policies(self, **_: Any) -> dict[str, Any]:
        return {"ScalingPolicies": self.policies}

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
    monkeypatch.setattr(module, "outputs", {"app-dev-serving": SERVING}.__getitem__)
    return live


def wrong() -> list[str]:
    """Differences that the check reports; its answer agrees with them."""
    lines: list[str] = []
    good = check("app-dev", say=lines.append)
    found = [line for line in lines if line.startswith("wrong")]
    assert good == (not found)
    return found


def test_a_system_that_is_as_its_stacks_say_passes(live: Live) -> None:
    assert wrong() == []


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
