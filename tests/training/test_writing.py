"""Files that a run replaces while it runs, on a disk that is full: /dev/full stands for it."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import torch

from training.writing import replaced, require_writable

WRITERS: dict[str, Callable[[BinaryIO], None]] = {
    "checkpoint": lambda file: torch.save({"weights": torch.zeros(100_000)}, file),
    "features": lambda file: np.savez(file, features=np.zeros(100_000)),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk_is_named_and_keeps_what_was_there_before(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"before")
    (tmp_path / ".state.unfinished").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"No space left on device: '.*/state'") as raised, replaced(path) as file:
        WRITERS[kind](file)
    assert raised.value.errno == errno.ENOSPC
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"state": b"before"}
    with replaced(path) as file:  # there is room again
        WRITERS[kind](file)
    assert path.stat().st_size > 100_000


@pytest.mark.parametrize("folder", ["/proc", "/proc/results"])
def test_a_folder_that_cannot_be_written_is_named(folder: str) -> None:
    with pytest.raises(OSError, match=f"'{folder}'"):
        require_writable(Path(folder))


def test_a_folder_for_results_is_made_and_left_empty(tmp_path: Path) -> None:
    require_writable(tmp_path / "out" / "results")
    assert list((tmp_path / "out" / "results").iterdir()) == []
