"""An uploaded data set: its list knows the digest, each image is checked when it is read, and shards are as folders."""

import json
from collections.abc import Callable
from pathlib import Path

import boto3
import numpy as np
import pytest

from tests.tools.dataset.bucket import NAME, Bucket
from tools.dataset.upload import upload
from training import decoding
from training.__main__ import main
from training.errors import InputError
from training.folder import Folder, digest, inspect
from training.images import load

Uploaded = Callable[[Path, str], Path]
AGAIN = "remove the folder of the data set from the bucket, and upload the images again"


@pytest.fixture
def uploaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Uploaded:
    """Uploads a folder in a layout; returns the folder that a job's channel then has."""

    def there_and_back(root: Path, layout: str) -> Path:
        bucket = Bucket()
        monkeypatch.setattr(boto3, "client", lambda *_, **__: bucket)
        name = upload(inspect(root), NAME, layout)
        return bucket.download(f"data/{name}/", tmp_path / layout)

    return there_and_back


def problems_of(root: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        folder = inspect(root)
        for path in folder.files:
            folder.read(path)
    return caught.value.problems


def change_a_byte(root: Path) -> str:
    """Change the first image of the list in its shard; returns its path."""
    first = json.loads((root / "files.jsonl").read_text().splitlines()[0])
    shard = root / first["shard"]
    content = bytearray(shard.read_bytes())
    content[first["offset"] + 20] ^= 1
    shard.write_bytes(content)
    return str(first["path"])


@pytest.mark.parametrize("layout", ["files", "shards"])
def test_files_and_shards_are_the_same_data_set(few_digits: Path, uploaded: Uploaded, layout: str) -> None:
    plain, channel = inspect(few_digits), inspect(uploaded(few_digits, layout))
    assert channel.classes == plain.classes
    for name, split in plain.splits.items():
        theirs = channel.splits[name]
        assert theirs.labels == split.labels
        assert [channel.read(path) for path in theirs.files] == [path.read_bytes() for path in split.files]
    assert list(channel.splits) == list(plain.splits)
    assert digest(channel) == digest(plain)


def test_the_digest_is_known_without_reading_an_image(few_digits: Path, uploaded: Uploaded) -> None:
    folder: Folder = inspect(uploaded(few_digits, "files"))
    for path in folder.files:
        path.unlink()
    assert digest(folder) == digest(inspect(few_digits))


def test_an_upload_of_old_without_a_list_is_read_for_its_digest(few_digits: Path, uploaded: Uploaded) -> None:
    root = uploaded(few_digits, "files")
    (root / "files.jsonl").unlink()
    assert digest(inspect(root)) == digest(inspect(few_digits))


@pytest.mark.parametrize("content", [b"", b"x" * 300], ids=["empty", "other"])
def test_a_file_that_was_changed_after_the_list_is_named_and_is_not_left_out_as_unreadable(
    few_digits: Path, uploaded: Uploaded, content: bytes
) -> None:
    root = uploaded(few_digits, "files")
    changed = next((root / "train" / "0").iterdir())
    changed.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load(inspect(root), 16, max_unreadable=1.0)
    line = f"train/0/{changed.name} is not the image of files.jsonl: it was changed afterwards; {AGAIN}"
    assert caught.value.problems == [line]


def test_processes_that_decode_read_shards_and_compare_with_the_list(
    few_digits: Path, uploaded: Uploaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = uploaded(few_digits, "shards")
    by_threads = load(inspect(root), 16)
    monkeypatch.setattr(decoding, "MIN_FILES", 1)
    monkeypatch.setattr(decoding, "MIN_CORES", 2)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    rows = np.arange(len(by_threads["train"]))
    assert np.array_equal(load(inspect(root), 16)["train"].take(rows), by_threads["train"].take(rows))
    path = change_a_byte(root)
    with pytest.raises(InputError, match=f"^{path} is not the image of files.jsonl: it was changed afterwards"):
        load(inspect(root), 16, max_unreadable=1.0)


def test_a_changed_byte_in_a_shard_is_named_by_its_image(few_digits: Path, uploaded: Uploaded) -> None:
    root = uploaded(few_digits, "shards")
    path = change_a_byte(root)
    assert problems_of(root) == [f"{path} is not the image of files.jsonl: it was changed afterwards; {AGAIN}"]


def test_a_shard_that_is_cut_off_is_told_before_an_image_is_read(few_digits: Path, uploaded: Uploaded) -> None:
    root = uploaded(few_digits, "shards")
    last = json.loads((root / "files.jsonl").read_text().splitlines()[-1])
    end = last["offset"] + last["size"]
    shard = root / last["shard"]
    shard.write_bytes(shard.read_bytes()[: end - 1])
    with pytest.raises(InputError) as caught:
        inspect(root)
    line = f"shards/00000.tar is cut off: it has {end - 1:,} bytes of {end:,} or more; {AGAIN}"
    assert caught.value.problems == [line]


def test_a_shard_that_is_cut_off_while_it_is_read(few_digits: Path, uploaded: Uploaded) -> None:
    folder = inspect(uploaded(few_digits, "shards"))
    shard = folder.root / "shards" / "00000.tar"
    shard.write_bytes(shard.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"^shards/00000\.tar is cut off: it ends in test/1/"):
        folder.read(folder.splits["test"].files[-1])


def test_a_shard_that_is_missing(few_digits: Path, uploaded: Uploaded) -> None:
    root = uploaded(few_digits, "shards")
    (root / "shards" / "00000.tar").unlink()
    assert problems_of(root) == [f"shards/00000.tar is in files.jsonl, but not in the data set: {AGAIN}"]


def test_images_that_were_added_or_removed_after_the_list(few_digits: Path, uploaded: Uploaded) -> None:
    root = uploaded(few_digits, "files")
    [first, *_] = sorted((root / "train" / "0").iterdir())
    first.rename(first.with_name("new.png"))
    mend = "remove files.jsonl if the images are meant to differ"
    assert problems_of(root) == [
        f"train/0/new.png is not in files.jsonl: {mend}, or {AGAIN}",
        f"train/0/{first.name} is in files.jsonl, but not in the data set: {AGAIN}",
    ]


def damaged(root: Path, **changes: object) -> Path:
    """The folder with other values in the first line of its list."""
    path = root / "files.jsonl"
    first, *rest = path.read_text().splitlines()
    path.write_text("\n".join([json.dumps(json.loads(first) | changes), *rest]))
    return root


@pytest.mark.parametrize(
    "changes",
    [
        {"path": "../../etc/passwd"},
        {"path": "/train/0/a.png"},
        {"path": "train/0"},
        {"path": "more/0/a.png"},
        {"path": "train//0/a.png"},
        {"path": "train/0/./a.png"},
        {"path": "train//a.png"},
        {"path": 7},
        {"shard": "../0.tar"},
        {"offset": -1},
        {"size": "1"},
        {"sha256": "short"},
        {"other": 1},
    ],
    ids=str,
)
def test_a_line_that_no_upload_writes_is_refused(
    few_digits: Path, uploaded: Uploaded, changes: dict[str, object]
) -> None:
    root = damaged(uploaded(few_digits, "shards"), **changes)
    assert problems_of(root) == [f"{root}/files.jsonl is damaged in line 1: {AGAIN}"]


@pytest.mark.parametrize("layout", ["files", "shards"])
def test_a_list_that_is_not_of_the_upload_is_refused(few_digits: Path, uploaded: Uploaded, layout: str) -> None:
    root = damaged(uploaded(few_digits, layout), sha256="0" * 64)
    assert problems_of(root) == [f"files.jsonl is not the list of the data set in manifest.json: {AGAIN}"]


def test_a_training_on_shards_makes_the_model_that_one_on_the_folder_makes(
    few_digits: Path, uploaded: Uploaded, tmp_path: Path
) -> None:
    made = []
    for root in (few_digits, uploaded(few_digits, "shards")):
        output = tmp_path / f"out-{root.name}"
        flags = ["--architecture", "resnet10", "--image-size", "16", "--epochs", "1", "--export-int8", "never"]
        assert main(["--data", str(root), "--output", str(output), *flags]) == 0
        metrics = json.loads((output / "output" / "data" / "metrics.json").read_text())
        made.append(((output / "model" / "model.onnx").read_bytes(), metrics["dataset"], metrics["test"]))
    assert made[0] == made[1]
