"""The check warns of what a result hides: an image in two splits or classes, a small test set, uneven classes."""

import shutil
from pathlib import Path

import pytest

from tools.dataset import check
from tools.dataset.check import checked
from training.errors import InputError


def warnings(root: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    checked(root, max_unreadable=0.5)
    return [line.removeprefix("warning: ") for line in capsys.readouterr().err.splitlines()]


@pytest.fixture
def different(images: Path) -> Path:
    """Two classes, an image of its own in each class and split."""
    from PIL import Image

    for number, path in enumerate(sorted(images.rglob("*.png"))):
        Image.new("L", (8, 8), 40 * number).save(path)
    return images


def test_an_image_in_two_splits_is_named(different: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(different / "train" / "dark" / "0.png", different / "test" / "dark" / "other.png")
    assert warnings(different, capsys)[0] == (
        "the same image is in several splits, keep one: train/dark/0.png, test/dark/other.png"
    )


def test_an_image_in_two_classes_is_named(different: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(different / "train" / "dark" / "0.png", different / "train" / "light" / "other.png")
    assert warnings(different, capsys)[0] == (
        "the same image is in several classes, keep one: train/dark/0.png, train/light/other.png"
    )


def test_two_names_in_one_class_and_split_are_no_leak(different: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(different / "train" / "dark" / "0.png", different / "train" / "dark" / "other.png")
    assert len(warnings(different, capsys)) == 1


def test_a_tiny_test_set_is_told_with_what_it_can_show(different: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(5):
        for name in ("dark", "light"):
            source = different / "test" / name / "0.png"
            (source.parent / f"more{number}.png").write_bytes(source.read_bytes())
    assert warnings(different, capsys) == [
        "12 test images tell little: 10 of them right would mean an accuracy from 55% to 95% (95 % interval); "
        "add test images"
    ]


@pytest.mark.parametrize(("more", "warned"), [(9, False), (10, True)])
def test_a_class_with_under_a_tenth_of_anothers_images_is_named(
    different: Path, capsys: pytest.CaptureFixture[str], more: int, warned: bool
) -> None:
    light = different / "train" / "light"
    for path in list(light.iterdir())[1:]:
        path.unlink()
    dark = list((different / "train" / "dark").iterdir())
    for number in range(1 + more - len(dark)):
        shutil.copy(dark[0], dark[0].with_name(f"more{number}.png"))
    line = f"class light has 1 training images, dark {1 + more}: the model may hardly recognise it; add images of it"
    assert (line in warnings(different, capsys)) == warned


def test_of_many_images_each_is_looked_at(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are checked part by part, to show the progress."""
    monkeypatch.setattr(check, "MANY", 4)
    for broken in ("train/dark", "valid/light"):
        (images / broken / "0.png").write_bytes(b"x")
    with pytest.raises(InputError) as caught:
        checked(images)
    assert [line.split(":")[0] for line in caught.value.problems[:2]] == ["train/dark/0.png", "valid/light/0.png"]
