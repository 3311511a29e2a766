"""The image folder: what is wrong with it is said in full; its digest names its content."""

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

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
        "unexpected images/validation: expected train, valid, test",
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
    assert found[0] == "train/a/note00.txt is not an image file: remove it"
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


COMPOSED, DECOMPOSED = unicodedata.normalize("NFC", "café"), unicodedata.normalize("NFD", "café")


@pytest.fixture
def root(make_folder: MakeFolder) -> Path:
    return make_folder(train=["a", "b"], valid=["a", "b"], test=["a", "b"])


def test_a_class_in_two_forms_of_its_accents_is_named(make_folder: MakeFolder) -> None:
    """macOS decomposes accents; S3's keys and our digest are composed."""
    root = make_folder(train=[COMPOSED, DECOMPOSED, "b"], valid=[COMPOSED, "b"], test=[DECOMPOSED, "b"])
    assert problems_of(root) == [
        f"train/{COMPOSED} is there twice, with its accents written in two ways: move them into one folder"
    ]
    for path in (root / "train" / DECOMPOSED).iterdir():
        path.unlink()
    (root / "train" / DECOMPOSED).rmdir()
    assert inspect(root).classes == ["b", COMPOSED]


def test_a_file_in_two_forms_of_its_accents_is_named(root: Path) -> None:
    for name in (COMPOSED, DECOMPOSED):
        (root / "train" / "a" / f"{name}.png").touch()
    [problem] = problems_of(root)
    assert problem.endswith("is there twice, with its accents written in two ways: rename one")


def test_a_class_or_an_image_that_begins_with_a_dot_is_named(root: Path) -> None:
    (root / "train" / "a").rename(root / "train" / ".net")
    (root / "test" / "b" / "0.png").rename(root / "test" / "b" / ".0.png")
    assert problems_of(root) == [
        "train/.net begins with a dot, which hides it: rename it",
        "test/b/.0.png begins with a dot, which hides it: rename it",
        "class a is in valid, test but not in train: add images or remove it",
    ]


def test_hidden_folders_without_images_are_no_part_of_it(root: Path) -> None:
    (root / "train" / ".git").mkdir()
    (root / "train" / "a" / ".ipynb_checkpoints").mkdir()
    (root / "train" / "a" / ".ipynb_checkpoints" / "0.png").touch()
    inspect(root)


@pytest.mark.parametrize("name", ["Screenshot at 9.41.00\u202fAM", "نمی\u200cخواهم", "👩\u200d🔬", "a b", "x\u00a0y"])
def test_spaces_and_joiners_of_every_script_are_names(root: Path, name: str) -> None:
    (root / "train" / "a" / "0.png").rename(root / "train" / "a" / f"{name}.png")
    for split in ("train", "valid", "test"):
        (root / split / "b").rename(root / split / name)
    assert name in inspect(root).classes


@pytest.mark.parametrize("name", ["new\nline", "tab\t", "\x1b[31m", "half\udcff"])
def test_control_characters_are_named(root: Path, name: str) -> None:
    (root / "train" / "a" / "0.png").rename(root / "train" / "a" / f"{name}.png")
    assert problems_of(root) == [f"{f'train/a/{name}.png'!r} has a control character in its name: rename it"]


def test_an_image_is_known_by_its_content_if_not_by_its_suffix(root: Path) -> None:
    image = root / "train" / "a" / "0.png"
    for suffix, kind in ((".jfif", "JPEG"), (".JPE", "JPEG"), ("", "PNG"), (".bin", "WEBP"), (".heic", "JPEG")):
        Image.new("L", (8, 8)).save(image.with_name(f"other{suffix}"), kind)
    assert len(inspect(root).splits["train"].files) == 9


def test_what_has_to_be_converted_or_moved_up_is_told_so(root: Path) -> None:
    (root / "train" / "a" / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (root / "train" / "a" / "siamese").mkdir()
    assert problems_of(root) == [
        "train/a/photo.heic is of a format that is not read: convert it to JPEG or PNG",
        "train/a/siamese is a folder in a class folder: move the images up, into a",
    ]
