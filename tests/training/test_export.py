"""int8 ships where it costs at most half a point of test accuracy and is faster, else fp32; the reason is kept."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from training import export as module
from training import pictures
from training.__main__ import main
from training.images import Images
from training.outcome import Predictions
from training.quantise import Quantised

INT8 = b"the int8 network"


@pytest.fixture
def accuracies(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Share of the 20 test images that each file is right on, in place of its own; the int8 file is a stand-in."""
    found = {"model.onnx": 0.9, "int8.onnx": 0.9, "speedup": 2.0}

    def quantise(network: Path, target: Path, *_: object) -> Quantised:
        target.write_bytes(INT8)
        return Quantised(memory_mb=1.0, likeness=1.0, speedup=found["speedup"])

    def predict(network: Path, images: Images) -> Predictions:
        labels = np.arange(len(images)) % 2
        predicted = np.where(np.arange(len(images)) < round(len(images) * found[network.name]), labels, 1 - labels)
        return Predictions(2, labels, predicted, np.ones(len(images)), np.ones(len(images)))

    monkeypatch.setattr(module, "predict", predict)
    monkeypatch.setattr(module, "quantise", quantise)
    return found


def exported(few_digits: Path, output: Path, *flags: str) -> tuple[dict[str, object], bytes]:
    """The metrics' account of the export, and the network that ships."""
    places = ["--data", str(few_digits), "--output", str(output), "--architecture", "resnet10"]
    assert (
        main([*places, "--image-size", "16", "--epochs", "1", "--batch-size", "16", "--augment", "shift", *flags]) == 0
    )
    account = json.loads((output / "output" / "data" / "metrics.json").read_text())["export"]
    description = json.loads((output / "model" / "model.json").read_text())
    assert description["precision"] == account["precision"]
    assert description["test_accuracy"] == account["test_accuracy"]
    assert not (output / "model" / "int8.onnx").exists()
    return account, (output / "model" / "model.onnx").read_bytes()


@pytest.mark.parametrize(("int8", "ships"), [(0.85, "int8"), (0.8, "fp32"), (0.95, "int8")])
def test_int8_ships_where_it_costs_little(
    few_digits: Path,
    tmp_path: Path,
    accuracies: dict[str, float],
    monkeypatch: pytest.MonkeyPatch,
    int8: float,
    ships: str,
) -> None:
    assert module.MAX_LOST == 0.005  # half a point
    monkeypatch.setattr(module, "MAX_LOST", 0.05)  # an image of 20
    accuracies["int8.onnx"] = int8
    account, network = exported(few_digits, tmp_path)
    assert (account["precision"], account["test_accuracy"]) == (ships, {"fp32": 0.9, "int8": int8})
    assert account["why_no_int8"] == ("" if ships == "int8" else "int8 costs 10.0 points")
    assert (network == INT8) == (ships == "int8")


@pytest.mark.parametrize(("speedup", "ships"), [(1.19, "fp32"), (1.21, "int8")])
def test_int8_ships_where_it_is_faster_on_this_machine(
    few_digits: Path,
    tmp_path: Path,
    accuracies: dict[str, float],
    capsys: pytest.CaptureFixture[str],
    speedup: float,
    ships: str,
) -> None:
    accuracies["speedup"] = speedup
    account, _ = exported(few_digits, tmp_path)
    assert account["precision"] == ships
    assert account["why_no_int8"] == ("" if ships == "int8" else "int8 is not 1.2 times as fast")
    assert account["int8_speedup"] == speedup
    assert f"int8 {speedup} times as fast here" in capsys.readouterr().out


def test_on_a_full_disk_nothing_of_the_network_is_left(tmp_path: Path) -> None:
    """/dev/full stands for the disk."""
    (tmp_path / "model.onnx").symlink_to("/dev/full")
    trained: Any = SimpleNamespace(write=lambda path: path.write_bytes(bytes(100_000)))
    other: Any = None
    with pytest.raises(OSError, match="No space left on device"):
        module.export(trained, other, other, other, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_int8_model_answers_nearly_as_the_other(
    few_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MIN_SPEEDUP", 0.0)  # for images this small, and beside other work, it may be slower
    account, network = exported(few_digits, tmp_path, "--epochs", "6", "--learning-rate", "0.02")
    assert account["precision"] == "int8"
    assert len(network) < 8_000_000  # 4.9 million weights, of 4 bytes before
    assert 0 < account["quantising_mb"] < 450  # type: ignore[operator]


def test_the_pictures_are_of_the_model_that_ships(
    few_digits: Path, tmp_path: Path, accuracies: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[float] = []
    monkeypatch.setattr(pictures, "confusion", lambda test, *_: drawn.append(test.score.accuracy))
    monkeypatch.setattr(pictures, "mistakes", lambda test, *_: drawn.append(test.score.accuracy))
    accuracies["int8.onnx"] = 0.95
    exported(few_digits, tmp_path)
    assert drawn == [0.95, 0.95]


def test_int8_can_be_left_out(few_digits: Path, tmp_path: Path, accuracies: dict[str, float]) -> None:
    account, _ = exported(few_digits, tmp_path, "--export-int8", "never")
    assert account["why_no_int8"] == "export-int8 is never"
    assert account["test_accuracy"] == {"fp32": 0.9}


def test_without_onnx_runtime_fp32_ships_unscored(
    few_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "available", lambda name: False)
    account, _ = exported(few_digits, tmp_path)
    assert account["why_no_int8"] == "the Python package onnxruntime is not installed"
    assert account["test_accuracy"] == {}


def test_a_quantising_that_fails_leaves_fp32(few_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> float:
        raise module.CannotQuantise("quantising failed: it was ended by signal 9")

    monkeypatch.setattr(module, "quantise", fail)
    account, _ = exported(few_digits, tmp_path)
    assert (account["precision"], account["why_no_int8"]) == ("fp32", "quantising failed: it was ended by signal 9")
