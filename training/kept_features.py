"""Features that a run has computed so far: a file for each split and process, replaced in one step, without pickle.

They lie in the folder of the checkpoints.
"""

import json
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from training.environment import Process
from training.identity import check_same, damaged
from training.writing import replaced

EVERY_SECONDS = 30.0
MAX_SHARE_OF_TIME = 0.1  # spent on saving, when there are millions of images


class KeptFeatures:
    """Cached features of one split, this process's share; without a folder nothing is saved.

    Args:
        identity: everything that decides the result, by name; features with another identity are refused.
        engine: engine that computes them; those of another engine, which rounds differently, are computed again.
    """

    def __init__(
        self,
        folder: Path | None = None,
        split: str = "train",
        *,
        process: Process | None = None,
        identity: Mapping[str, Any] | None = None,
        engine: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        process = process or Process()
        self.folder, self.split = folder, split
        self._path = folder and folder / f"features-{split}-{process.rank}-of-{process.world}.npz"
        self._identity, self._engine = dict(identity or {}), engine
        self._clock = clock
        self._next = clock() + EVERY_SECONDS

    def load(self, views: int, count: int) -> np.ndarray:
        """Features of the first n images of this process's share, float32 [n, views, count]; n is 0 if none are saved.

        Raises:
            InputError: the file is damaged, or of another run.
        """
        none = np.empty((0, views, count), np.float32)
        if self._path is None or not self._path.exists():
            return none
        try:
            with np.load(self._path, allow_pickle=False) as saved:
                about, found = json.loads(str(saved["about"])), np.asarray(saved["features"], np.float32)
            theirs, engine = about["identity"], about["engine"]
        except (ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile):
            raise damaged(self._path) from None
        check_same(self._path, theirs, self._identity)
        if found.shape[1:] != (views, count):
            raise damaged(self._path)
        if engine != self._engine:
            print(f"{self._path} is of {engine}: computing again, in {self._engine}", flush=True)
            return none
        return found

    def save_seldom(self, found: np.ndarray) -> None:
        """Saves if the last time is long enough ago."""
        if self._clock() >= self._next:
            self.save(found)

    def save(self, found: np.ndarray) -> None:
        """Replaces the file in one step.

        Raises:
            OSError: the disk is full.
        """
        if self._path is None:
            return
        start = self._clock()
        about = json.dumps({"identity": self._identity, "engine": self._engine})
        with replaced(self._path) as file:
            np.savez(file, about=np.array(about), features=found)
        end = self._clock()
        self._next = end + max(EVERY_SECONDS, (end - start) / MAX_SHARE_OF_TIME)

    def __str__(self) -> str:
        return f"{self.folder} has them" if self.folder else "no --checkpoints were given"
