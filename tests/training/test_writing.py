"""Files that a run replaces while it runs, on a disk that is full: /dev/full stands for it."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import torch

from training.replaced import replaced

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
