"""The structure of a TIFF file: TIFF 6.0. Of its first directory, what is needed for the pixels is kept."""

import struct

from serving import image_jpeg
from serving.image_bounds import ImageError, ImageFile, TooCostly, check_memory, check_size
from serving.image_colour import MAX_PROFILE
from serving.image_metadata import ORIENTATION, entries, orientation

MAX_PARTS = 16_384  # strips or tiles
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES, _ROWS = 256, 257, 258, 259, 277, 278
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_OFFSETS, _COUNTS = (273, 324), (279, 325)
_XMP, _TABLES, _PROFILE = 700, 347, 34675
# NewSubfileType, photometry, fill order, planes, predictor, colour map, tiles, extra samples, sample format and others
_PIXELS = {254, 262, 266, 284, 292, 293, 317, 320, 332, 338, 339, 529, 530, 531, 532, _TABLES}
_LAYOUT = {_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES, _ROWS, _TILE_WIDTH, _TILE_HEIGHT, *_OFFSETS, *_COUNTS}
_JPEG = 7
_COMPRESSIONS = {1, 2, 3, 4, 5, _JPEG, 8, 32773, 32946}  # none, fax, LZW, JPEG, deflate, PackBits
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_NUMBERS = {1: "B", 3: "H", 4: "L"}
MAX_VALUES = 65_536 * 3  # of one tag: the colour map of 16 bits


class _Directory:
    """The first directory of a file."""

    def __init__(self, content: bytes) -> None:
        self.order = "<" if content.startswith(b"II") else ">"
        self._content = content
        version, start = struct.unpack_from(self.order + "HL", content, 2)
        if version != 42:
            raise ImageError("a BigTIFF: convert it to JPEG or PNG")
        self.entries = {tag: (kind, count, value) for tag, kind, count, value in entries(content, start, self.order)}
        numbers = all(self.entries[tag][0] in _NUMBERS for tag in _LAYOUT & self.entries.keys())
        if not numbers or self.entries.keys() >= set(_OFFSETS):  # libtiff could read another layout than is judged here
            raise ImageError("image is truncated or corrupt (the layout of a TIFF)")

    def data(self, tag: int, limit: int) -> bytes:
        """Bytes of a tag's value; empty if it is not there, or longer than the limit."""
        kind, count, value = self.entries.get(tag, (1, 0, b""))
        size = _BYTES.get(kind, 1) * count
        if size <= 4:
            return value[:size]
        (at,) = struct.unpack(self.order + "L", value)
        return self._content[at : at + size] if size <= limit else b""

    def numbers(self, tag: int) -> tuple[int, ...]:
        """Whole numbers of a tag; empty if it is not there."""
        kind = self.entries.get(tag, (0,))[0]
        data = self.data(tag, 4 * MAX_VALUES)
        letter = _NUMBERS.get(kind)
        return struct.unpack(f"{self.order}{len(data) // _BYTES[kind]}{letter}", data) if letter else ()

    def number(self, tag: int, default: int) -> int:
        return (*self.numbers(tag), default)[0]


def parse(content: bytes) -> ImageFile:
    """The first page of a TIFF, without its metadata: a new directory at the end lists what is needed.

    Raises:
        ImageError: it is not one, is of a kind that is not read, or would take too much to decode.
    """
    directory = _Directory(content)
    width, height = directory.number(_WIDTH, 0), directory.number(_HEIGHT, 0)
    check_size(width, height)
    compression, samples = directory.number(_COMPRESSION, 1), directory.number(_SAMPLES, 1)
    depth = max(directory.numbers(_BITS) or (1,))
    if compression not in _COMPRESSIONS or not 1 <= samples <= 5 or depth > 16:
        raise ImageError("a TIFF of a rare kind (compression, channels or bits a pixel): convert it to JPEG or PNG")
    rows = min(directory.number(_ROWS, height), height)
    part = directory.number(_TILE_WIDTH, width) * directory.number(_TILE_HEIGHT, rows)
    _check_parts(directory, content, jpeg=compression == _JPEG, pixels=width * height + part)
    plain = (samples, depth) == (3, 8)
    memory = width * height * (4 if plain else 8) + part * samples * max(depth, 8) // 8
    return ImageFile(
        "TIFF",
        _rewritten(directory, content),
        check_memory(memory, "a TIFF"),
        _orientation(directory),
        directory.data(_PROFILE, MAX_PROFILE),
    )


def _check_parts(directory: _Directory, content: bytes, *, jpeg: bool, pixels: int) -> None:
    """Refuse parts that would be decoded more than once, are very many, or hide work in a JPEG of their own."""
    offsets, counts = (next(filter(None, map(directory.numbers, tags)), ()) for tags in (_OFFSETS, _COUNTS))
    if len(offsets) != len(counts) or not all(counts):
        raise ImageError("image is truncated or corrupt (the parts of a TIFF have no length)")
    if len(offsets) > MAX_PARTS or sum(counts) > len(content):
        raise TooCostly("a TIFF of too many parts, or of the same part again and again: convert it to JPEG or PNG")
    if jpeg:
        left = 2 * pixels
        for offset, count in zip(offsets, counts, strict=True):
            left -= image_jpeg.pixels_of_part(content[offset : offset + count])
            if left < 0:
                raise TooCostly("a TIFF whose parts are larger than itself: convert it to JPEG or PNG")


def _orientation(directory: _Directory) -> int:
    found = directory.number(ORIENTATION, 0)
    return found if 1 <= found <= 8 else orientation(b"", directory.data(_XMP, 2**20))


def _rewritten(directory: _Directory, content: bytes) -> bytes:
    """The file with a directory of its pixels' tags at its end; their values stay where they are."""
    order = directory.order
    kept = sorted((tag, *entry) for tag, entry in directory.entries.items() if tag in _PIXELS | _LAYOUT)
    if any(_BYTES.get(kind, 8) * count > 4 * MAX_VALUES for _, kind, count, _ in kept):
        raise TooCostly("a TIFF with tags of great length: convert it to JPEG or PNG")
    start = len(content) + len(content) % 2
    listed = b"".join(struct.pack(order + "HHL4s", *entry) for entry in kept)
    added = struct.pack(order + "H", len(kept)) + listed + bytes(4)
    return content[:4] + struct.pack(order + "L", start) + content[8:] + bytes(len(content) % 2) + added
