"""The checkpoint of a training in PyTorch: everything that a stopped run needs to continue as if it had never stopped.

Process 0 writes it after each epoch; all processes read it. On SageMaker the folder is /opt/ml/checkpoints, which a
spot job copies to S3 while it runs, and back before it runs again.
"""

import copy
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel

from training.environment import Process
from training.identity import check_same, damaged
from training.outcome import Epoch, Score
from training.writing import replaced

FILE = "checkpoint.pt"


@dataclass
class TrainingState:
    """State of a training; order and changes of the images follow from seed and epoch, so they are not in it.

    Attributes:
        averaged: the model with its parameters averaged over the last steps; None if it is not wanted.
        epochs: finished ones.
        best: index of the best of them, and the judged model after it.
        step: finished steps of the next epoch.
        loss: sum over the images of those steps, nats.
        seconds: spent on those steps before an interruption.
    """

    model: nn.Module
    optimizer: Optimizer
    schedule: LRScheduler
    averaged: AveragedModel | None = None
    epochs: list[Epoch] = field(default_factory=list)
    best: tuple[int, dict[str, Tensor]] | None = None
    step: int = 0
    loss: float = 0.0
    seconds: float = 0.0

    @property
    def judged(self) -> nn.Module:
        """The model that is evaluated and kept."""
        return self.averaged.module if self.averaged else self.model

    def end_epoch(self, epoch: Epoch) -> None:
        """Adds a finished epoch, and copies the model if it is the best so far."""
        self.epochs.append(epoch)
        self.step, self.loss, self.seconds = 0, 0.0, 0.0
        if self.best is None or epoch.merit > self.epochs[self.best[0]].merit:
            self.best = len(self.epochs) - 1, copy.deepcopy(self.judged.state_dict())

    def to_dict(self) -> dict[str, Any]:
        """Numbers, texts and tensors in lists and dicts, which `torch.load` reads with weights_only."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "averaged": self.averaged.state_dict() if self.averaged else None,
            "epochs": [_epoch_to_dict(epoch) for epoch in self.epochs],
            "best": list(self.best) if self.best else None,
            "step": self.step,
            "loss": self.loss,
            "seconds": self.seconds,
            "random": torch.get_rng_state(),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Restores what `to_dict` returned, PyTorch's random numbers included."""
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.schedule.load_state_dict(saved["schedule"])
        if self.averaged:
            self.averaged.load_state_dict(saved["averaged"])
        self.epochs = [_epoch_from_dict(epoch) for epoch in saved["epochs"]]
        self.best = (saved["best"][0], saved["best"][1]) if saved["best"] else None
        self.step, self.loss, self.seconds = saved["step"], saved["loss"], saved["seconds"]
        torch.set_rng_state(saved["random"])


@dataclass(frozen=True)
class Checkpoints:
    """The folder of a run's checkpoint; without a folder nothing is saved.

    Attributes:
        identity: everything that decides the result, by name; a checkpoint with another identity is refused.
    """

    folder: Path | None = None
    process: Process = field(default_factory=Process)
    identity: Mapping[str, Any] = field(default_factory=dict)

    def save(self, state: Mapping[str, Any]) -> None:
        """Replaces the checkpoint in one step.

        Raises:
            OSError: the disk is full.
        """
        if self.folder is None or self.process.rank != 0:
            return
        with replaced(self.folder / FILE) as file:  # a file, as with a path PyTorch hides the reason of a failure
            torch.save({"identity": dict(self.identity), **state}, file)

    def load(self) -> dict[str, Any] | None:
        """The saved state, or None.

        Raises:
            InputError: the checkpoint is damaged, or of another run.
        """
        if self.folder is None or not (self.folder / FILE).exists():
            return None
        path = self.folder / FILE
        try:
            saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            theirs = saved.pop("identity")
        except (RuntimeError, EOFError, KeyError, AttributeError, pickle.UnpicklingError):
            raise damaged(path) from None
        check_same(path, theirs, self.identity)
        return saved

    def __str__(self) -> str:
        return f"the checkpoint in {self.folder} has it" if self.folder else "no --checkpoints were given"


def _epoch_to_dict(epoch: Epoch) -> dict[str, Any]:
    score = epoch.validation
    return {
        "number": epoch.number,
        "train_loss": epoch.train_loss,
        "seconds": epoch.seconds,
        "loss": score.loss,
        "correct": torch.from_numpy(score.correct.copy()),
        "images": torch.from_numpy(score.images.copy()),
    }


def _epoch_from_dict(saved: dict[str, Any]) -> Epoch:
    score = Score(saved["loss"], saved["correct"].numpy(), saved["images"].numpy())
    return Epoch(saved["number"], saved["train_loss"], score, saved["seconds"])
