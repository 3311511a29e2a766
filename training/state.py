"""Where a training is: all that it needs to go on as if it had never stopped."""

import copy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from training.outcome import Epoch, Score


@dataclass
class State:
    """A training under way; the order and the moves of the images follow from seed and epoch, so they are not in it.

    Attributes:
        epochs: those that are done.
        best: index of the best of them, and the model after it.
        step: steps done of the epoch that follows.
        loss: sum over the images of those steps, nats.
        seconds: spent on those steps before an interruption.
    """

    model: nn.Module
    optimizer: Optimizer
    schedule: LRScheduler
    epochs: list[Epoch] = field(default_factory=list)
    best: tuple[int, dict[str, Tensor]] | None = None
    step: int = 0
    loss: float = 0.0
    seconds: float = 0.0

    @property
    def position(self) -> tuple[int, int]:
        """Epochs done, and steps of the next one."""
        return len(self.epochs), self.step

    def end_epoch(self, epoch: Epoch) -> None:
        """Takes in a finished epoch, and the model when it is the best so far."""
        self.epochs.append(epoch)
        self.step, self.loss, self.seconds = 0, 0.0, 0.0
        if self.best is None or epoch.merit > self.epochs[self.best[0]].merit:
            self.best = len(self.epochs) - 1, copy.deepcopy(self.model.state_dict())

    def to_dict(self) -> dict[str, Any]:
        """Numbers, texts and tensors in lists and dicts: what `torch.load` reads with weights_only."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "epochs": [_epoch_to_dict(epoch) for epoch in self.epochs],
            "best": list(self.best) if self.best else None,
            "step": self.step,
            "loss": self.loss,
            "seconds": self.seconds,
            "random": torch.get_rng_state(),
        }

    def take(self, saved: dict[str, Any]) -> None:
        """Goes back to what `to_dict` gave, torch's random numbers included."""
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.schedule.load_state_dict(saved["schedule"])
        self.epochs = [_epoch_from_dict(epoch) for epoch in saved["epochs"]]
        self.best = (saved["best"][0], saved["best"][1]) if saved["best"] else None
        self.step, self.loss, self.seconds = saved["step"], saved["loss"], saved["seconds"]
        torch.set_rng_state(saved["random"])


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
