"""Images for the training tests: a few of the real digits, and folders made by hand."""

from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest
from PIL import Image

import training
from stacks.training_program import _SHARED
from tools.dataset.digits import write


@pytest.fixture(scope="session")
def all_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """scikit-learn's digits, 1,797 images of 10 classes."""
    folder = tmp_path_factory.mktemp("digits") / "digits"
    write(folder)
    return folder


@pytest.fixture
def few_digits(all_digits: Path, tmp_path: Path) -> Path:
    """Zeros and ones: 24 images a class for training, 10 each for validation and test."""
    for split, count in {"train": 24, "valid": 10, "test": 10}.items():
        for label in ("0", "1"):
            target = tmp_path / "few" / split / label
            target.mkdir(parents=True)
            for path in sorted((all_digits / split / label).iterdir())[:count]:
                (target / path.name).write_bytes(path.read_bytes())
    return tmp_path / "few"


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The training program as the zip that a job gets on its PYTHONPATH."""
    path = tmp_path_factory.mktemp("program") / "program.zip"
    with ZipFile(path, "w") as archive:
        root = Path(training.__path__[0]).parent
        shared = [path for name in _SHARED for path in (root / "serving").glob(name)]
        for file in [*(root / "training").rglob("*"), *shared]:
            if "__pycache__" not in file.parts and "wheels" not in file.parts:
                archive.write(file, file.relative_to(root))
    return path


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """Makes an image folder from `split=["class", …]`: two grey images a class."""

    def make(**splits: list[str]) -> Path:
        for split, classes in splits.items():
            (tmp_path / "images" / split).mkdir(parents=True)
            for name in classes:
                (tmp_path / "images" / split / name).mkdir()
                for number in range(2):
                    Image.new("L", (8, 8), 40 * number).save(tmp_path / "images" / split / name / f"{number}.png")
        return tmp_path / "images"

    return make
