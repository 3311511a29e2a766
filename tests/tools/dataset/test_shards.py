"""Shards: plain tars, whose places the list has, and which are the same each time."""

import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

from tools.dataset.shards import shards
from training.listing import ListedFile, ListedImage

LONG = f"train/{'class' * 20}/{'name' * 30}.jpg"  # over the 100 bytes of a tar's own header
CONTENTS = {"train/قطة/é.png": b"1" * 700, LONG: b"2" * 512, "valid/a/empty.png": b"", "test/a/b.png": b"3" * 5000}
IMAGES = [ListedImage(name, len(body), hashlib.sha256(body).hexdigest()) for name, body in CONTENTS.items()]


def read(image: ListedImage) -> bytes:
    return CONTENTS[image.path]


def test_each_image_lies_where_the_list_says(tmp_path: Path) -> None:
    for max_bytes in (1, 4096, 2**20):
        for shard in shards(IMAGES, max_bytes=max_bytes):
            (tmp_path / "shards").mkdir(exist_ok=True)
            (tmp_path / shard.name).write_bytes(shard.packed(read).read())
            for image in shard.images:
                assert ListedFile(tmp_path, tmp_path / "none", image).read_bytes() == CONTENTS[image.path]


def test_they_are_what_tar_itself_unpacks(tmp_path: Path) -> None:
    [shard] = shards(IMAGES)
    subprocess.run(["tar", "xf", "-"], input=shard.packed(read).read(), cwd=tmp_path, check=True)
    assert {name: (tmp_path / name).read_bytes() for name in CONTENTS} == CONTENTS


def test_they_have_the_size_that_was_said_and_at_most_the_one_that_was_asked_for() -> None:
    asked = 20_480
    made = list(shards(IMAGES * 5, max_bytes=asked))
    assert len(made) > 1
    for shard in made:
        body = shard.packed(read).read()
        assert len(body) == shard.size <= asked
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            assert [member.name for member in tar] == [image.path for image in shard.images]


def test_an_image_that_is_larger_has_a_shard_of_its_own() -> None:
    assert [len(shard.images) for shard in shards(IMAGES, max_bytes=1)] == [1, 1, 1, 1]


def test_they_are_the_same_each_time() -> None:
    first, second = ([shard.packed(read).read() for shard in shards(IMAGES)] for _ in range(2))
    assert first == second
