"""The name of a file's bytes."""

import hashlib
from pathlib import Path


def sha256_of(path: Path) -> str:
    """What sha256sum prints of the file: 64 hex digits. It is never in memory as a whole."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
