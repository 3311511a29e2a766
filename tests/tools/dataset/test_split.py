"""make split: a folder of classes becomes train, valid and test; nothing is lost, and no image is in two of them."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from tests.serving.hostile import JPEG
from tools.dataset.__main__ import main
from tools.dataset.contents import same_images
from training.folder import digest, inspect
from training.listing import SPLITS


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """Two classes of 20 and 10 different images."""
    for name, count in (("cat", 20), ("dog", 10)):
        folder = tmp_path / "flat" / name
        folder.mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (8, 8), (number, len(name) + (name == "dog"), 0)).save(folder / f"{number}.png")
    return tmp_path / "flat"


def split(flat: Path, out: Path, *more: str) -> int:
    return main(["split", str(flat), "--out", str(out), *more])


def test_each_class_has_its_share_in_each_split(flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert split(flat, tmp_path / "out") == 0
    found = inspect(tmp_path / "out")
    counts = {name: Counter(path.parent.name for path in split.files) for name, split in found.splits.items()}
    assert counts == {"train": {"cat": 12, "dog": 6}, "valid": {"cat": 4, "dog": 2}, "test": {"cat": 4, "dog": 2}}
    assert "18 images in train, 6 images in valid, 6 images in test" in capsys.readouterr().out
    assert sorted(path.read_bytes() for path in found.files) == sorted(p.read_bytes() for p in flat.rglob("*.png"))


def test_it_is_the_same_each_time_and_another_with_another_seed(flat: Path, tmp_path: Path) -> None:
    for name, *more in (("a",), ("b",), ("c", "--seed", "1"), ("d", "--test", "0.5")):
        split(flat, tmp_path / name, *more)
    a, b, c, d = (digest(inspect(tmp_path / name)) for name in "abcd")
    assert a == b
    assert len({a, c, d}) == 3


def test_the_same_image_under_several_names_stays_together(flat: Path, tmp_path: Path) -> None:
    for number in range(5):
        shutil.copy(flat / "cat" / "0.png", flat / "cat" / f"copy{number}.png")
    (flat / "dog" / "a.jpg").write_bytes(JPEG)
    (flat / "dog" / "b.jpg").write_bytes(JPEG[:2] + b"\xff\xfe\0\5new" + JPEG[2:])  # with a comment
    for seed in range(5):
        split(flat, tmp_path / f"out{seed}", "--seed", str(seed))
        found = inspect(tmp_path / f"out{seed}")
        assert len(found.files) == 37
        for paths in same_images(found.files).values():
            assert len({path.parent.parent for path in paths}) == 1


def test_the_same_image_in_two_classes_is_named_and_in_one_split(
    flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(flat / "cat" / "0.png", flat / "dog" / "copy.png")
    assert split(flat, tmp_path / "out") == 0
    assert capsys.readouterr().err == ("warning: the same image is in several classes: cat/0.png, dog/copy.png\n")
    assert (
        len(
            {path.parts[-3] for path in (tmp_path / "out").rglob("*") if path.name in ("0.png", "copy.png")} - {"train"}
        )
        <= 2
    )


def test_the_smallest_class_is_in_every_split(flat: Path, tmp_path: Path) -> None:
    for path in sorted((flat / "dog").iterdir())[3:]:
        path.unlink()
    assert split(flat, tmp_path / "out") == 0
    assert all(len(list((tmp_path / "out" / name / "dog").iterdir())) == 1 for name in SPLITS)


def test_a_class_of_too_few_different_images_is_named(
    flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (flat / "dog").iterdir():
        shutil.copy(flat / "dog" / ("0.png" if path.stem < "5" else "9.png"), path) if path.stem not in "09" else None
    assert split(flat, tmp_path / "out") == 1
    assert capsys.readouterr().err == "error: class dog has 2 different images: add some, it needs 3\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--test", "0"], "leave nothing for a split"),
        (["--valid", "0.5", "--test", "0.5"], "leave nothing for a split"),
        (["--test", "nan"], "leave nothing for a split"),
    ],
)
def test_shares_that_make_no_sense(
    flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert split(flat, tmp_path / "out", *arguments) == 1
    assert message in capsys.readouterr().err


def test_what_is_no_folder_of_classes(flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (flat / "stray.png").touch()
    assert split(flat, tmp_path / "out") == 1
    assert split(tmp_path / "none", tmp_path / "out") == 1
    assert split(flat / "cat", tmp_path) == 1
    (flat / "train").mkdir()
    assert split(flat, tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert "flat/stray.png lies outside a class folder" in said
    assert "none: give one that holds <class>/<image>" in said
    assert "exists: remove it" in said
    assert "is split already" in said
