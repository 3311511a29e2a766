"""A stopped training goes on and ends with the result of one that was never stopped."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import BinaryIO

import pytest
import torch
from torch import Tensor

from tests.training.stop_after import StopAfter
from tests.waiting import LIMIT_SECONDS, until
from training import loop
from training.__main__ import main
from training.augment import CROPPING
from training.checkpoint import FILE, Checkpoints
from training.environment import Process
from training.errors import InputError, Stopped
from training.folder import inspect
from training.identity import identity
from training.images import load
from training.model import build
from training.settings import Hyperparameters

SETTINGS = Hyperparameters(
    architecture="resnet10", image_size=16, epochs=3, batch_size=12, learning_rate=0.005, augment="shift"
)
Result = tuple[dict[str, Tensor], list[float]]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads would only wait for each other on images this small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def train(folder: Path, checkpoints: Path | None, stop: Event | None = None, augment: str = "shift") -> Result:
    """Weights and losses that the training ends with."""
    settings = replace(SETTINGS, augment=augment)
    torch.manual_seed(0)
    model = build(settings, 2, None)
    kept = Checkpoints(checkpoints, Process(), identity(settings, "digest", None))
    images = load(inspect(folder), 16, whole=augment in CROPPING)
    outcome = loop.fit(model, images, settings, Process(), kept, stop)
    return model.state_dict(), [
        loss
        for epoch in outcome.epochs
        for loss in (epoch.train_loss, epoch.validation.loss, epoch.validation.accuracy)
    ]


@pytest.mark.parametrize(
    ("steps", "augment"),
    [(3, "shift"), (5, "shift"), (5, "strong")],
    ids=["at the end of an epoch", "within an epoch", "with averaged weights"],
)
def test_the_result_is_bit_equal_to_that_of_an_uninterrupted_run(
    few_digits: Path, tmp_path: Path, steps: int, augment: str
) -> None:
    weights, losses = train(few_digits, None, augment=augment)
    with pytest.raises(Stopped, match="has it"):
        train(few_digits, tmp_path / "kept", StopAfter(steps), augment)
    torch.rand(7)  # whatever else has drawn random numbers
    again, losses_again = train(few_digits, tmp_path / "kept", augment=augment)
    assert losses_again == losses
    assert all(torch.equal(again[name], weights[name]) for name in weights)


def test_a_run_may_be_stopped_again_and_again(few_digits: Path, tmp_path: Path) -> None:
    weights, losses = train(few_digits, None)
    for _ in range(11):
        with pytest.raises(Stopped):
            train(few_digits, tmp_path / "kept", StopAfter(0))
    again, losses_again = train(few_digits, tmp_path / "kept")
    assert losses_again == losses
    assert all(torch.equal(again[name], weights[name]) for name in weights)


def test_a_run_that_was_killed_goes_on_from_its_last_whole_epoch(
    few_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as during, pytest.raises(KeyboardInterrupt):
        save = Checkpoints.save
        during.setattr(
            Checkpoints, "save", lambda self, state: (save(self, state), during.setattr(loop, "predict", killed))
        )
        train(few_digits, tmp_path / "kept")
    train(few_digits, tmp_path / "kept")
    assert "going on after 1 epochs and 0 steps" in capsys.readouterr().out


def test_a_finished_run_is_not_trained_again(few_digits: Path, tmp_path: Path) -> None:
    weights, _ = train(few_digits, tmp_path / "kept")
    again, _ = train(few_digits, tmp_path / "kept", StopAfter(0))
    assert all(torch.equal(again[name], weights[name]) for name in weights)


def test_whoever_is_killed_while_writing_leaves_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save({"step": 1})

    def half(_: object, file: BinaryIO) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save({"step": 2})
    assert checkpoints.load() == {"step": 1}


def test_only_process_0_writes(tmp_path: Path) -> None:
    Checkpoints(tmp_path / "kept", Process(rank=1, world=2)).save({"step": 1})
    assert not (tmp_path / "kept").exists()


def test_a_checkpoint_of_other_settings_or_images_is_refused_with_what_differs(tmp_path: Path) -> None:
    Checkpoints(tmp_path, identity=identity(Hyperparameters(), "aaa", None)).save({})
    with pytest.raises(InputError) as refused:
        Checkpoints(tmp_path, identity=identity(Hyperparameters(epochs=9), "bbb", None)).load()
    assert str(refused.value) == (
        f"{tmp_path / FILE} is of another run, with other epochs (20, now 9), images (aaa, now bbb): "
        "remove it, or use another folder"
    )


def test_other_weights_make_another_run(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(b"x")
    assert identity(Hyperparameters(), "a", tmp_path / "weights.pth") != identity(Hyperparameters(), "a", None)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04"])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(InputError, match="is no checkpoint of this program: remove it to start anew"):
        Checkpoints(tmp_path).load()


class _Harm:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch harm",)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"identity": {}, "step": _Harm()}, tmp_path / FILE)
    with pytest.raises(InputError, match="is no checkpoint of this program"):
        Checkpoints(tmp_path).load()
    assert not (tmp_path / "harm").exists()


def test_sigterm_stops_the_command_and_the_same_command_goes_on(few_digits: Path, tmp_path: Path) -> None:
    flags = ["--data", str(few_digits), "--output", str(tmp_path / "out"), "--checkpoints", str(tmp_path / "kept")]
    settings = ["--architecture", "resnet10", "--image-size", "16", "--batch-size", "12", "--epochs"]
    command = [sys.executable, "-m", "training", *flags, *settings, "1000"]
    run = subprocess.Popen(
        command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    until(lambda: (tmp_path / "kept" / FILE).exists() or run.poll() is not None)
    run.send_signal(signal.SIGTERM)
    _, errors = run.communicate(timeout=LIMIT_SECONDS)
    assert run.returncode == 143
    assert errors.startswith("error: stopped as asked (SIGTERM) in epoch ")
    assert f"the checkpoint in {tmp_path / 'kept'} has it" in errors

    assert main([*flags, *settings, "2"]) == 1
    assert "is of another run, with other epochs (1000, now 2)" in (tmp_path / "out/output/failure").read_text()
