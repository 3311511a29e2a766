"""Matches of a rule are counted as a metric, with or without a target, so that an alarm can watch them."""

import json
from typing import Any

import pytest
from ministack.core.responses import request_scope
from ministack.services import cloudwatch, eventbridge

from local_aws import event_metrics
from local_aws.home import ACCOUNT
from local_aws.sagemaker import events


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    monkeypatch.setattr(cloudwatch, "record_metric", lambda *metric: found.append(metric))
    monkeypatch.setattr(eventbridge, "_matches_pattern_view", eventbridge._matches_pattern_view)  # put back afterwards
    event_metrics.install()
    return found


def test_only_the_rule_that_matches_counts(recorded: list[tuple[Any, ...]]) -> None:
    with request_scope(ACCOUNT, "us-east-1"):
        for name, status in (("failed", "Failed"), ("completed", "Completed")):
            pattern = json.dumps({"source": ["aws.sagemaker"], "detail": {"TrainingJobStatus": [status]}})
            eventbridge._rules[f"default|{name}"] = {"Name": name, "State": "ENABLED", "EventPattern": pattern}
        events.announce("Training Job", "arn:job", {"TrainingJobStatus": "Failed"})
        eventbridge.reset()

    assert recorded == [("AWS/Events", "TriggeredRules", 1, "Count", {"RuleName": "failed"})]
