"""The digits as an image folder."""

from pathlib import Path

import pytest
from PIL import Image

from tools.dataset.digits import write
from training.errors import InputError
from training.folder import digest, inspect


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "digits"
    write(folder)
    return folder


def test_all_of_them_in_ten_classes(digits: Path) -> None:
    folder = inspect(digits)
    assert folder.classes == [str(digit) for digit in range(10)]
    assert {name: len(split.files) for name, split in folder.splits.items()} == {
        "train": 1078,
        "valid": 360,
        "test": 359,
    }


def test_no_image_is_in_two_splits(digits: Path) -> None:
    names = [path.name for path in inspect(digits).files]
    assert len(set(names)) == len(names) == 1797


def test_each_class_has_its_share_of_each_split(digits: Path) -> None:
    for split, share in {"train": 0.6, "valid": 0.2, "test": 0.2}.items():
        for label in range(10):
            total = len(list(digits.glob(f"*/{label}/*")))
            assert len(list(digits.glob(f"{split}/{label}/*"))) == pytest.approx(share * total, abs=1)


def test_a_person_can_see_them(digits: Path) -> None:
    with Image.open(inspect(digits).files[0]) as image:
        assert (image.size, image.mode, image.format) == ((64, 64), "L", "PNG")


def test_they_are_the_same_each_time(digits: Path, tmp_path: Path) -> None:
    write(tmp_path / "again")
    assert digest(inspect(tmp_path / "again")) == digest(inspect(digits))


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exists: remove it or give another folder"):
        write(tmp_path)


def test_nothing_half_done_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="disk full"):
        write(tmp_path / "digits")
    assert list(tmp_path.iterdir()) == []
