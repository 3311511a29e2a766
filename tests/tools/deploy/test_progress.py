"""The log of training jobs while a deploy waits for them."""

from types import SimpleNamespace
from typing import Any

import pytest

from tools.deploy.progress import JobLog, source


@pytest.mark.parametrize(
    ("stream", "shown"),
    [
        ("slipway-dev-e40a4b10fecf-1/algo-1-1764300000", "algo-1"),
        ("slipway-dev-123456789012-1/algo-4-1764300000", "algo-4"),
        ("slipway-dev-e40a4b10fecf-1-003-0a1b2c3d/algo-1-1764300000", "003 algo-1"),
    ],
)
def test_a_line_names_its_instance_and_a_tuning_jobs_training_job(stream: str, shown: str) -> None:
    assert source(stream) == shown


def test_a_job_after_many_others_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """DescribeLogStreams, CloudWatch Logs API reference: 50 streams an answer, in the order of their names."""

    class Logs:
        def get_paginator(self, _: str) -> SimpleNamespace:
            pages = [[self.stream("a-1/algo-1-1", 0)] * 50, [self.stream("a-2/algo-1-1", 2**50)]]
            return SimpleNamespace(paginate=lambda **_: ({"logStreams": page} for page in pages))

        def stream(self, name: str, created: int) -> dict[str, Any]:
            return {"logStreamName": name, "creationTime": created}

        def get_log_events(self, logStreamName: str, **_: Any) -> dict[str, Any]:
            return {"events": [{"message": f"of {logStreamName}"}], "nextForwardToken": "t"}

    monkeypatch.setattr("boto3.client", lambda _: Logs())
    said: list[str] = []
    JobLog("a-", said.append)._read()
    assert said == ["algo-1 │ of a-2/algo-1-1"]
