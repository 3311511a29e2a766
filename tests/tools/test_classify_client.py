"""The client that calls all through an update counts what a user would see."""

import time
from pathlib import Path

import pytest

from tools import classify_client
from tools.classify_client import ClassifyFailed, LabelledPrediction, SteadyClient


class _Answers:
    """Stands in for the Lambda: fails at the second call."""

    def __init__(self, function: str) -> None:
        self.asked = 0

    def __call__(self, image: Path) -> LabelledPrediction:
        self.asked += 1
        if self.asked == 2:
            raise ClassifyFailed("502")
        return LabelledPrediction("1", "1", 0.9)


def test_it_counts_calls_and_keeps_each_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classify_client, "ClassifyClient", _Answers)
    monkeypatch.setattr(classify_client, "_PAUSE_SECONDS", 0.001)

    with SteadyClient("f", [Path("a/1.png")]) as client:
        while client.calls < 5:
            time.sleep(0.001)

    assert client.calls >= 5
    assert client.errors == ["ClassifyFailed: 502"]
