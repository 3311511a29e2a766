"""Updates of the endpoint: what is seen meanwhile."""

from typing import Any

import boto3
import pytest

from tests.waiting import until
from tools.prove.steps import updates
from tools.prove.steps.updates import UpdateWatch


def described(status: str, **pending: Any) -> dict[str, Any]:
    return {"EndpointName": "e", "EndpointStatus": status, "EndpointConfigName": "old", **pending}


BAKING = {
    "PendingDeploymentSummary": {
        "EndpointConfigName": "new", "ProductionVariants": [{"VariantStatus": [{"Status": "Baking"}]}],
    }
}  # fmt: skip


def test_each_state_is_noted_once_and_a_look_that_fails_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [described("InService"), described("InService"), None, described("Updating", **BAKING)]
    looks: list[dict[str, Any]] = []

    class Client:
        def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:
            assert EndpointName == "e"
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            if answer is None:
                raise updates.ClientError({"Error": {"Code": "Throttling"}}, "DescribeEndpoint")
            return answer

    monkeypatch.setattr(boto3, "client", lambda _: Client())
    monkeypatch.setattr(updates, "_LOOK_SECONDS", 0.01)

    with UpdateWatch("e", looks.append) as watch:
        until(lambda: len(watch.seen) == 2)

    assert [(state["status"], state["pending"], state["stage"]) for state in watch.seen] == [
        ("InService", "", []),
        ("Updating", "new", ["Baking"]),
    ]
    assert len(looks) >= 3
