"""The features that a run has computed so far: a file for each split and process, replaced whole, without pickle.

They lie in the folder of the checkpoints, as what `training.checkpoint` keeps.
"""

import json
import os
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from training.environment import Process
from training.identity import check_same, damaged

EVERY_SECONDS = 30.0
MOST_OF_THE_TIME = 0.1  # goes into saving, where there are millions of images


class KeptFeatures:
    """Those of one split that fall to this process, in their order; without a folder none are kept.

    Args:
        identity: what decides the result, by name; features made with anything else are refused.
        engine: what computes them; those of another, rounded otherwise, are computed anew.
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
        """float32 [n, views, count] of the first n images of this process's share; n is 0 where none are kept.

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
            print(f"{self._path} is of {engine}: computing anew, in {self._engine}", flush=True)
            return none
        return found

    def save_seldom(self, found: np.ndarray) -> None:
        """Saves where the last time is long enough ago."""
        if self._clock() >= self._next:
            self.save(found)

    def save(self, found: np.ndarray) -> None:
        """Replaces the file at once: whoever is killed meanwhile leaves the one before."""
        if self._path is None:
            return
        start = self._clock()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_name(f".{self._path.name}.unfinished")
        about = json.dumps({"identity": self._identity, "engine": self._engine})
        with unfinished.open("wb") as file:
            np.savez(file, about=np.array(about), features=found)
        os.replace(unfinished, self._path)
        end = self._clock()
        self._next = end + max(EVERY_SECONDS, (end - start) / MOST_OF_THE_TIME)
