"""Last lines of a training's output, and the test images in metrics.json."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from training import report
from training.environment import Process
from training.export import Exported
from training.images import Images
from training.outcome import Epoch, History, Predictions, Score, Trained
from training.report import print_result
from training.settings import Hyperparameters

EPOCH = Epoch(1, 0.1, Score(0.1, np.array([1]), np.array([1])), 1.0)


def printed(capsys: pytest.CaptureFixture[str], correct: list[int], images: list[int]) -> list[str]:
    test = Score(0.1234, np.array(correct), np.array(images))
    classes = [f"class-{i}" for i in range(len(images))]
    print_result(EPOCH, Exported("fp32", {}, ""), test, classes)
    return capsys.readouterr().out.splitlines()


def test_a_large_class_does_not_hide_a_small_one_in_the_balanced_accuracy(capsys: pytest.CaptureFixture[str]) -> None:
    """Mean recall, as scikit-learn's balanced_accuracy_score."""
    lines = printed(capsys, [97, 0], [97, 3])
    assert lines[-1] == (
        "test:accuracy=0.9700 test:balanced_accuracy=0.5000 test:lowest_class_accuracy=0.0000 test:loss=0.1234"
    )
    assert "warning: none of the 3 test images of class class-1 is recognised" in lines


def test_the_accuracy_has_its_interval_and_the_lowest_class_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    """The interval is Newcombe's example (Statistics in Medicine 17, 857-872, 1998, table I)."""
    assert (
        "263 test images: accuracy 30.8%, from 25.5% to 36.6% in other such images (95 % interval); "
        "the lowest class is class-1 with 20.6%"
    ) in printed(capsys, [68, 13], [200, 63])


def test_the_seconds_of_the_phases_add_up(capsys: pytest.CaptureFixture[str]) -> None:
    report.print_phases({"decode": 1.25, "train": 20.0}, 24.0)
    assert capsys.readouterr().out == "seconds: decode 1.2, train 20.0, all else 2.8\n"


def test_without_such_a_class_there_is_no_warning(capsys: pytest.CaptureFixture[str]) -> None:
    assert not [line for line in printed(capsys, [90, 1], [97, 3]) if "warning" in line]


def test_many_such_classes_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line for line in printed(capsys, [1, *[0] * 30], [1] * 31) if line.startswith("warning: ")]
    assert len(lines) == 11
    assert lines[-1] == "warning: and 20 more such classes"


CLASSES = ["قطة", "<b>", "犬"]


def test_confusion_and_mistakes_have_the_names_of_classes_and_files() -> None:
    labels, predicted = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0])
    test = Predictions(3, labels, predicted, np.array([0.9, 0.6, 0.8, 0.7]), np.array([0.1, 1.0, 0.2, 2.0]))
    images = Images([Path(f"{number}.png") for number in range(4)], labels.tolist(), 8, None)
    epoch = Epoch(1, 0.5, Score(0.4, np.array([1]), np.array([1])), 1.0)
    trained = Trained(History([epoch], epoch), lambda _: None, test)
    exported = SimpleNamespace(precision="fp32", accuracies={}, why_no_int8="", quantising_mb=0, speedup=0)

    found = report.metrics(trained, exported, test, CLASSES, {"test": images}, Hyperparameters(), Process())["test"]  # type: ignore[arg-type]

    assert found["accuracy_interval"] == pytest.approx([0.15, 0.85], abs=5e-3)
    assert found["balanced_accuracy"] == 0.5
    assert found["lowest_class"] == {"name": "犬", "accuracy": 0.0}
    assert found["confusion"] == {"قطة": {"قطة": 1, "<b>": 1}, "<b>": {"<b>": 1}, "犬": {"قطة": 1}}
    assert found["mistakes"] == [
        {"file": "3.png", "class": "犬", "predicted": "قطة", "probability": 0.7},
        {"file": "1.png", "class": "قطة", "predicted": "<b>", "probability": 0.6},
    ]
