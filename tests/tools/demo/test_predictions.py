"""The demo tells each prediction when it comes, with what the image shows."""

from pathlib import Path
from typing import Any

from tools.classify_client import LabelledPrediction
from tools.demo.__main__ import _classify


def test_each_prediction_is_told_before_the_next_call() -> None:
    happened: list[str] = []

    class Client:
        def __call__(self, image: Path) -> LabelledPrediction:
            happened.append(f"call {image}")
            return LabelledPrediction("7", image.parent.name, 0.504)

        def from_s3(self, image: Path, folder: str) -> LabelledPrediction:
            happened.append(f"call {folder}{image}")
            return LabelledPrediction("3", image.parent.name, 0.998)

    client: Any = Client()
    found = _classify([Path("3/a.png"), Path("1/b.png")], client, "s3://b/", say=happened.append)

    assert happened == ["call s3://b/3/a.png", "3, 99.8% ✓", "call 1/b.png", "7, 50.4% ✗, it is 1"]
    assert [prediction.truth for prediction in found] == ["3", "1"]
