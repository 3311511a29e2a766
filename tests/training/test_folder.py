"""The image folder: what is wrong with it is said in full; its digest names its content."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from training.errors import InputError
from training.folder import digest, inspect

MakeFolder = Callable[..., Path]


def problems_of(root: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        inspect(root)
    return caught.value.problems


def test_a_whole_folder_lists_classes_and_images_by_name(make_folder: MakeFolder) -> None:
    folder = inspect(make_folder(train=["b", "a"], valid=["a", "b"], test=["a", "b"]))
    assert folder.classes == ["a", "b"]
    assert folder.splits["train"].labels == [0, 0, 1, 1]
    assert [path.parent.name for path in folder.splits["train"].files] == ["a", "a", "b", "b"]


def test_no_folder_at_all(tmp_path: Path) -> None:
    assert problems_of(tmp_path / "none") == [
        f"no data set at {tmp_path / 'none'}: give a folder that holds train, valid, test"
    ]


def test_a_missing_and_an_empty_split(make_folder: MakeFolder) -> None:
    assert problems_of(make_folder(train=["a", "b"], test=[])) == [
        "images/valid is missing: add valid/<class>/<image>",
        "images/test is empty: add test/<class>/<image>",
    ]


def test_a_misspelt_split_is_recognised(make_folder: MakeFolder) -> None:
    found = problems_of(make_folder(train=["a", "b"], validation=["a", "b"], test=["a", "b"]))
    assert found == [
        "images/valid is missing: rename validation to valid",
        "images/validation does not belong: only train, valid, test do",
    ]


def test_classes_that_differ_between_splits(make_folder: MakeFolder) -> None:
    assert problems_of(make_folder(train=["a", "b"], valid=["a", "b", "c"], test=["a"])) == [
        "class c is in valid but not in train: add images or remove it",
        "class b is in train, valid but not in test: add images or remove it",
        "class c is in valid but not in test: add images or remove it",
    ]


def test_a_class_without_images(make_folder: MakeFolder) -> None:
    root = make_folder(train=["a", "b"], valid=["a", "b"], test=["a", "b"])
    for path in (root / "test" / "b").iterdir():
        path.unlink()
    assert "class b has no images in test: add some or remove the folder" in problems_of(root)


def test_a_single_class(make_folder: MakeFolder) -> None:
    assert problems_of(make_folder(train=["a"], valid=["a"], test=["a"])) == [
        "only one class, a: there is nothing to tell apart; add another"
    ]


def test_files_that_do_not_belong_are_named_ten_at_most(make_folder: MakeFolder) -> None:
    root = make_folder(train=["a", "b"], valid=["a", "b"], test=["a", "b"])
    (root / "train" / "stray.png").touch()
    for number in range(11):
        (root / "train" / "a" / f"note{number:02}.txt").touch()
    found = problems_of(root)
    assert len(found) == 11
    assert found[0] == "train/a/note00.txt is not an image file (.jpg, .jpeg, .png, .webp): remove it"
    assert found[-1] == "and 2 more such files in train"


def test_hidden_files_and_the_manifest_are_no_part_of_it(make_folder: MakeFolder) -> None:
    root = make_folder(train=["a", "b"], valid=["a", "b"], test=["a", "b"])
    before = digest(inspect(root))
    (root / ".DS_Store").touch()
    (root / "train" / ".DS_Store").touch()
    (root / "train" / "a" / "._0.png").touch()
    (root / "manifest.json").touch()
    assert digest(inspect(root)) == before


def test_the_digest_is_that_of_names_and_contents_alone(make_folder: MakeFolder) -> None:
    root = make_folder(train=["a", "b"], valid=["a", "b"], test=["a", "b"])
    image = root / "train" / "a" / "0.png"
    before = digest(inspect(root))
    os.utime(image, (0, 0))
    moved = root.rename(root.with_name("elsewhere"))
    assert digest(inspect(moved)) == before

    image = moved / "train" / "a" / "0.png"
    content = image.read_bytes()
    image.write_bytes(content + b"\0")
    changed = digest(inspect(moved))
    image.write_bytes(content)
    image.rename(image.with_name("renamed.png"))
    renamed = digest(inspect(moved))
    assert len({before, changed, renamed}) == 3


def test_the_digest_is_what_sha256sum_prints(make_folder: MakeFolder) -> None:
    # as (cd FOLDER; find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum) prints
    root = make_folder(train=["a", "b"], valid=["a", "b"], test=["a", "b"])
    for path in root.rglob("*.png"):
        path.write_bytes(b"x")
    assert digest(inspect(root)) == "314aa9b92363488b14be18829a92ac4fec48d78f6d761966d53d9c47e65bc683"
