"""What a training says at its end: accuracy over images and over classes, and classes that it never recognises."""

import numpy as np
import pytest

from training.export import Exported
from training.outcome import Epoch, Score
from training.report import print_result

EPOCH = Epoch(1, 0.1, Score(0.1, np.array([1]), np.array([1])), 1.0)


def printed(capsys: pytest.CaptureFixture[str], correct: list[int], images: list[int]) -> list[str]:
    test = Score(0.1234, np.array(correct), np.array(images))
    classes = [f"class-{i}" for i in range(len(images))]
    print_result(EPOCH, Exported("fp32", {}, ""), test, classes)
    return capsys.readouterr().out.splitlines()


def test_a_large_class_does_not_hide_a_small_one_in_the_balanced_accuracy(capsys: pytest.CaptureFixture[str]) -> None:
    """Mean recall, as scikit-learn's balanced_accuracy_score."""
    lines = printed(capsys, [97, 0], [97, 3])
    assert lines[-1] == "test:accuracy=0.9700 test:balanced_accuracy=0.5000 test:loss=0.1234"
    assert "warning: none of the 3 test images of class class-1 is recognised" in lines


def test_without_such_a_class_there_is_no_warning(capsys: pytest.CaptureFixture[str]) -> None:
    assert not [line for line in printed(capsys, [90, 1], [97, 3]) if "warning" in line]


def test_many_such_classes_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line for line in printed(capsys, [1, *[0] * 30], [1] * 31) if line.startswith("warning: ")]
    assert len(lines) == 11
    assert lines[-1] == "warning: and 20 more such classes"
