"""Packs the images of a data set into shards, plain tars of some ten megabytes: fewer objects to write and to read.

A shard depends on the list alone, so an upload that goes on makes the same ones.
"""

import io
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from training.listing import SHARDS, ListedImage

MAX_BYTES = 32 * 2**20  # of a shard, unless one image is larger
_BLOCK, _RECORD = tarfile.BLOCKSIZE, tarfile.RECORDSIZE
_END = 2 * _BLOCK  # of zeros


@dataclass(frozen=True)
class Shard:
    """A tar with some of the images; `size` is in bytes."""

    name: str
    images: list[ListedImage]
    size: int

    def packed(self, read: Callable[[ListedImage], bytes]) -> BinaryIO:
        """The tar; `read` returns the bytes of an image."""
        packed = io.BytesIO()
        for image in self.images:
            packed.write(_header(image))
            packed.write(read(image))
            packed.write(bytes(_padding(packed.tell(), _BLOCK)))
        packed.write(bytes(self.size - packed.tell()))
        packed.seek(0)
        return packed


def shards(images: Iterable[ListedImage], *, max_bytes: int = MAX_BYTES) -> Iterator[Shard]:
    """Shards of the images, in their order; each image gets its place in its shard."""
    placed: list[ListedImage] = []
    number = end = 0
    for image in images:
        header = len(_header(image))
        size = header + image.size + _padding(image.size, _BLOCK)
        if placed and end + size + _END > max_bytes:
            yield _shard(placed, end)
            placed, number, end = [], number + 1, 0
        placed.append(replace(image, shard=f"{SHARDS}/{number:05}.tar", offset=end + header))
        end += size
    if placed:
        yield _shard(placed, end)


def _shard(images: list[ListedImage], end: int) -> Shard:
    return Shard(images[0].shard, images, end + _END + _padding(end + _END, _RECORD))


def _header(image: ListedImage) -> bytes:
    """Header of the image in the tar; a name that is long or not ASCII takes several blocks."""
    entry = tarfile.TarInfo(image.path)
    entry.size = image.size
    return entry.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int, unit: int) -> int:
    return -size % unit
