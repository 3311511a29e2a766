"""The checkpoint: one file, replaced whole after each epoch, from which a stopped run goes on.

Process 0 writes it and all read it. On SageMaker the folder is /opt/ml/checkpoints, which a spot job has copied to S3
while it runs, and back before it runs again.
"""

import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from training.digests import sha256_of
from training.environment import Process
from training.errors import InputError
from training.settings import SETTINGS, Settings
from training.settings import field as attribute

FILE = "checkpoint.pt"
FORMAT = 1


@dataclass(frozen=True)
class Checkpoints:
    """Where a run's checkpoint lies; without a folder there is none.

    Attributes:
        identity: what decides the result, by name; a checkpoint made with anything else is refused.
    """

    folder: Path | None = None
    process: Process = field(default_factory=Process)
    identity: Mapping[str, Any] = field(default_factory=dict)

    def save(self, state: Mapping[str, Any]) -> None:
        """Replaces the checkpoint at once: whoever is killed meanwhile leaves the one before."""
        if self.folder is None or self.process.rank != 0:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = self.folder / f".{FILE}.unfinished"
        torch.save({"identity": dict(self.identity), **state}, unfinished)
        os.replace(unfinished, self.folder / FILE)

    def load(self) -> dict[str, Any] | None:
        """What was saved, or None.

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
            raise InputError(f"{path} is no checkpoint of this program: remove it to start anew") from None
        different = sorted(name for name in {*theirs, *self.identity} if theirs.get(name) != self.identity.get(name))
        if different:
            names = ", ".join(f"{name} ({theirs.get(name)}, now {self.identity.get(name)})" for name in different)
            raise InputError(f"{path} is of another run, with other {names}: remove it, or use another folder")
        return saved


def identity(settings: Settings, dataset: str, weights: Path | None) -> dict[str, Any]:
    """What decides a run's result: its settings, and digests of its images and of the weights it starts from."""
    start = sha256_of(weights) if weights else "none"
    values = {name: getattr(settings, attribute(name)) for name in SETTINGS}
    return {**values, "images": dataset, "weights": start, "format": FORMAT}
