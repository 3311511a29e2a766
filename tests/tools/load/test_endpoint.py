"""EndpointUnderTest finds the endpoint, describes it and suspends its auto-scaling, through the API."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tools.load.endpoint import EndpointUnderTest
from tools.preflight import NotReady


class Fake:
    """Fake client of all three services: responses by operation in `answers`, requests recorded in `sent`."""

    def __init__(self, **answers: Any) -> None:
        self.answers, self.sent = answers, []  # type: ignore[var-annotated]

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            self.sent.append((operation, request))
            answer = self.answers.get(operation, {})
            if isinstance(answer, str):
                raise ClientError({"Error": {"Code": answer, "Message": "refused"}}, operation)
            return answer

        return call


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Fake]:
    def make(**answers: Any) -> Fake:
        fake = Fake(**answers)
        monkeypatch.setattr("boto3.client", lambda *_: fake)
        return fake

    return make


def described(status: str) -> dict[str, Any]:
    variant = {"VariantName": "live", "CurrentInstanceCount": 2, "DesiredInstanceCount": 3}
    return {"EndpointStatus": status, "EndpointConfigName": "c", "ProductionVariants": [variant]}


def test_an_endpoint_that_is_not_there_is_named(use: Callable[..., Fake]) -> None:
    use(describe_endpoint="ValidationException")
    with pytest.raises(NotReady, match="no endpoint toy here"):
        EndpointUnderTest("toy").state()


def test_an_endpoint_that_aws_does_not_tell_of_now_may_be_there(use: Callable[..., Fake]) -> None:
    use(describe_endpoint="ThrottlingException")
    with pytest.raises(ClientError, match="ThrottlingException"):
        EndpointUnderTest("toy").state()


def test_an_endpoint_that_is_changing_is_waited_for_by_the_caller(use: Callable[..., Fake]) -> None:
    use(describe_endpoint=described("Updating"))
    with pytest.raises(NotReady, match="is Updating, not InService: aws sagemaker wait"):
        EndpointUnderTest("toy").require_in_service()


def test_scaling_is_suspended_meanwhile_and_then_as_it_was(use: Callable[..., Fake]) -> None:
    target = {"SuspendedState": {"ScheduledScalingSuspended": True}}
    fake = use(describe_endpoint=described("InService"), describe_scalable_targets={"ScalableTargets": [target]})

    def states() -> list[list[bool]]:
        return [list(r["SuspendedState"].values()) for o, r in fake.sent if o == "register_scalable_target"]

    with pytest.raises(KeyboardInterrupt), EndpointUnderTest("toy").scaling_suspended("", lambda _: None):
        assert states() == [[True, True, True]]
        raise KeyboardInterrupt
    assert states()[1:] == [[False, False, True]]


def test_scaling_that_cannot_be_resumed_is_said_to_be_suspended(use: Callable[..., Fake]) -> None:
    targets: dict[str, Any] = {"ScalableTargets": [{}]}
    fake = use(describe_endpoint=described("InService"), describe_scalable_targets=targets)
    said: list[str] = []
    with pytest.raises(ClientError), EndpointUnderTest("toy").scaling_suspended(' SETTINGS="stage=prod"', said.append):
        fake.answers["register_scalable_target"] = "ExpiredTokenException"
    assert said[-1] == 'Auto-scaling may still be suspended: make live SETTINGS="stage=prod" says how to resume it.'


def test_scaling_that_was_suspended_already_is_said_to_be(use: Callable[..., Fake]) -> None:
    target = {"SuspendedState": {"DynamicScalingOutSuspended": True}}
    use(describe_endpoint=described("InService"), describe_scalable_targets={"ScalableTargets": [target]})
    said: list[str] = []
    with EndpointUnderTest("toy").scaling_suspended(' SETTINGS="stage=prod"', said.append):
        pass
    assert 'suspended already, and stays so afterwards: make live SETTINGS="stage=prod" says' in said[0]


def test_an_endpoint_that_is_not_scaled_is_left_alone(use: Callable[..., Fake]) -> None:
    fake = use(describe_endpoint=described("InService"), describe_scalable_targets={"ScalableTargets": []})
    with EndpointUnderTest("toy").scaling_suspended("", lambda _: None):
        pass
    assert "register_scalable_target" not in [operation for operation, _ in fake.sent]
