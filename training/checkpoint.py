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

from training.environment import Process
from training.identity import check_same, damaged

FILE = "checkpoint.pt"


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
            raise damaged(path) from None
        check_same(path, theirs, self.identity)
        return saved
