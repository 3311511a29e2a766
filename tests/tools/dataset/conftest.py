"""A small image folder."""

from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two classes, one image a class and split."""
    for split in ("train", "valid", "test"):
        for shade, name in enumerate(("dark", "light")):
            folder = tmp_path / "images" / split / name
            folder.mkdir(parents=True)
            Image.new("L", (8, 8), 200 * shade).save(folder / "0.png")
    return tmp_path / "images"
