"""Images of the data set: all decoded at the start, every unreadable one counted, and left out while they are few."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from serving.preprocessing import READABLE as FORMATS
from tests.training.broken_images import READABLE, RED, UNREADABLE
from tools.dataset.check import checked
from training import images, pixel_cache
from training.environment import Process
from training.errors import InputError
from training.folder import inspect

MakeFolder = Callable[..., Path]
WHOLE = {"train": ["a", "b"], "valid": ["a", "b"], "test": ["a", "b"]}
IN_MEMORY, ON_DISK, NOWHERE = (2**29, 0), (0, 0), (0, 2**63)


@pytest.fixture(params=[IN_MEMORY, ON_DISK, NOWHERE], ids=["in memory", "on disk", "nowhere"])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where squares are kept once they are decoded."""
    memory, spare_disk = request.param
    monkeypatch.setattr(pixel_cache, "MAX_MEMORY_BYTES", memory)
    monkeypatch.setattr(pixel_cache, "SPARE_DISK_BYTES", spare_disk)


def test_images_become_squares_of_the_networks_size(make_folder: MakeFolder, kept: None) -> None:
    loaded = images.load(inspect(make_folder(**WHOLE)), 16)
    squares = loaded["train"].take(np.array([1, 0]))
    assert squares.shape == (2, 16, 16, 3)
    assert squares.dtype == np.uint8
    assert [square.max() for square in squares] == [40, 0]
    assert loaded["train"].labels.tolist() == [0, 0, 1, 1]


@pytest.fixture
def photographs(make_folder: MakeFolder) -> Path:
    """A wide, a high and a turned image, whose left half is white."""
    root = make_folder(**WHOLE)
    for name, (width, height) in {"wide.png": (90, 30), "high.png": (30, 90)}.items():
        image = Image.new("RGB", (width, height))
        image.paste("white", (0, 0, width // 2, height))
        image.save(root / "train" / "a" / name)
    turned = Image.new("RGB", (40, 20))
    turned.paste("white", (0, 10, 40, 20))  # below, which is on the left when it is turned
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(root / "train" / "a" / "turned.jpg", exif=exif, quality=95)
    return root


def test_whole_images_are_kept_stretched_with_their_proportions(photographs: Path, kept: None) -> None:
    train = images.load(inspect(photographs), 16, whole=True)["train"]
    names = [path.name for path in train.files]
    rows = np.array([names.index(name) for name in ("wide.png", "high.png", "turned.jpg")])
    whole, ratios = train.whole(rows)
    assert whole.shape == (3, 24, 24, 3)
    assert ratios == pytest.approx([3, 1 / 3, 1 / 2])
    for image in whole:
        assert image[:, :11].min() > 240 and image[:, 13:].max() < 15


def test_squares_of_whole_images_are_those_of_serving(photographs: Path, kept: None) -> None:
    whole, squares = (images.load(inspect(photographs), 16, whole=whole)["train"] for whole in (True, False))
    rows = np.arange(len(squares))
    assert np.array_equal(whole.take(rows), squares.take(rows))
    assert np.array_equal(whole.sample(3, 0), squares.sample(3, 0))


def test_only_training_images_are_kept_whole(photographs: Path) -> None:
    loaded = images.load(inspect(photographs), 16, whole=True)
    assert loaded["valid"].ratios is None
    assert loaded["valid"].take(np.array([0])).shape == (1, 16, 16, 3)


def test_proportions_stay_with_their_images_when_one_is_left_out(photographs: Path, kept: None) -> None:
    (photographs / "train" / "a" / "0.png").write_bytes(b"")
    train = images.load(inspect(photographs), 16, 0.1, whole=True)["train"]
    wide = [path.name for path in train.files].index("wide.png")
    whole, ratios = train.whole(np.array([wide]))
    assert ratios == pytest.approx([3])
    assert whole[0, :, :11].min() > 240


def test_where_squares_have_no_room_it_is_said(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pixel_cache, "MAX_MEMORY_BYTES", 0)
    monkeypatch.setattr(pixel_cache, "SPARE_DISK_BYTES", 2**63)
    images.load(inspect(make_folder(**WHOLE)), 16)
    assert "do not fit" in capsys.readouterr().out


@pytest.mark.parametrize(("processes", "fits"), [(1, True), (8, False)])
def test_the_processes_of_a_machine_share_its_disk(
    make_folder: MakeFolder,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    processes: int,
    fits: bool,
) -> None:
    monkeypatch.setattr(pixel_cache, "MAX_MEMORY_BYTES", 0)
    monkeypatch.setattr(pixel_cache, "SPARE_DISK_BYTES", 0)
    usage = pixel_cache.shutil.disk_usage("/")._replace(free=7 * 12 * 16 * 16 * 3)
    monkeypatch.setattr(pixel_cache.shutil, "disk_usage", lambda _: usage)
    images.load(inspect(make_folder(**WHOLE)), 16, process=Process(local_world=processes))
    assert ("do not fit" in capsys.readouterr().out) is not fits


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system has no posix_fallocate")
def test_a_disk_that_others_fill_meanwhile_costs_time_and_not_the_run(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pixel_cache, "MAX_MEMORY_BYTES", 0)
    monkeypatch.setattr(pixel_cache, "SPARE_DISK_BYTES", 0)
    monkeypatch.setattr(os, "posix_fallocate", refuse)
    loaded = images.load(inspect(make_folder(**WHOLE)), 16)
    assert "(No space left on device): decoding them in each epoch" in capsys.readouterr().out
    assert loaded["train"].take(np.array([1])).max() == 40


@pytest.mark.parametrize("kind", READABLE)
def test_what_a_person_can_see_is_converted_right(make_folder: MakeFolder, kind: str) -> None:
    root = make_folder(**WHOLE)
    (root / "train" / "a" / "2.png").write_bytes(READABLE[kind]())
    square = images.load(inspect(root), 16)["train"].take(np.array([2]))
    seen = (0x43,) * 3 if kind == "16-bit" else RED
    assert np.abs(square.astype(int) - seen).max() <= 3


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_cannot_be_read_is_left_out_and_named(make_folder: MakeFolder, kept: None, kind: str) -> None:
    root = make_folder(**WHOLE)
    (root / "train" / "a" / "0.png").write_bytes(UNREADABLE[kind]())
    train = images.load(inspect(root), 16, max_unreadable=0.1)["train"]
    assert train.labels.tolist() == [0, 1, 1]
    assert [square.max() for square in train.take(np.arange(3))] == [40, 0, 40]
    [line] = train.left_out
    assert line.startswith("train/a/0.png: ") and line.endswith("; replace or remove it")


def test_more_than_the_share_of_unreadable_images_is_refused(make_folder: MakeFolder) -> None:
    root = make_folder(**WHOLE)
    (root / "train" / "a" / "0.png").write_bytes(b"")
    with pytest.raises(InputError) as refused:
        images.load(inspect(root), 16, max_unreadable=0.08)
    assert refused.value.problems == [
        f"train/a/0.png: not an image that can be read: convert it to {FORMATS}; replace or remove it",
        "1 of 12 images are unreadable, and max-unreadable allows 0.08 of them",
    ]


def test_a_class_must_keep_an_image(make_folder: MakeFolder) -> None:
    root = make_folder(**WHOLE)
    for path in (root / "valid" / "b").iterdir():
        path.write_bytes(b"")
    with pytest.raises(InputError, match="class b has no readable image in valid"):
        images.load(inspect(root), 16, max_unreadable=0.5)


def test_a_class_may_have_a_single_image(make_folder: MakeFolder) -> None:
    root = make_folder(**WHOLE)
    (root / "train" / "b" / "1.png").unlink()
    assert images.load(inspect(root), 16)["train"].labels.tolist() == [0, 0, 1]


@pytest.mark.parametrize("share", [0.0, 0.08, 0.09, 1.0])
@pytest.mark.parametrize("kind", [*READABLE, *UNREADABLE])
def test_the_check_before_an_upload_accepts_what_a_training_accepts(
    make_folder: MakeFolder, kind: str, share: float
) -> None:
    root = make_folder(**WHOLE)
    (root / "test" / "b" / "1.png").write_bytes({**READABLE, **UNREADABLE}[kind]())

    def problems(accept: Callable[[], object]) -> list[str]:
        try:
            accept()
        except InputError as error:
            return error.problems
        return []

    at_upload = problems(lambda: checked(root, max_unreadable=share))
    assert at_upload == problems(lambda: images.load(inspect(root), 16, share))


def test_unreadable_images_are_named_ten_at_most_and_counted(all_digits: Path, tmp_path: Path) -> None:
    root = tmp_path / "digits"
    for split in ("train", "valid", "test"):
        for label in ("3", "5"):
            (root / split / label).mkdir(parents=True)
            for path in sorted((all_digits / split / label).iterdir())[:6]:
                content = path.read_bytes()
                broken = b"not an image" if label == "3" else content[: len(content) // 2]
                (root / split / label / path.name).write_bytes(content if split == "test" else broken)
    with pytest.raises(InputError) as caught:
        images.load(inspect(root), 16)
    found = caught.value.problems
    assert len(found) == 12
    assert found[0].startswith("train/3/") and "not an image that can be read" in found[0]
    assert found[6].startswith("train/5/") and "truncated or corrupt" in found[6]
    assert found[10] == "and 14 more unreadable images"
