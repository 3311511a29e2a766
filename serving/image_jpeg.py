"""The structure of a JPEG file: ITU-T T.81, annex B. libjpeg's `read_markers` and `next_marker` find the same segments.

A progressive image goes through all of its blocks once a scan, and is in memory as coefficients meanwhile.
"""

import re
import struct
from dataclasses import dataclass

from serving.image_bounds import ImageError, ImageFile, Segments, TooCostly, check_memory, check_size
from serving.image_colour import MAX_PROFILE
from serving.image_metadata import orientation

MAX_SCANS = 200  # libjpeg-turbo's own fuzzers stop at 500, an encoder writes 10
MAX_VISITS = 16_000_000  # blocks of all scans: 40 ns each, and 7 million in 50 megapixels as encoders write them
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_TABLES = (0xC4, 0xDB, 0xDD)
_SOI, _EOI, _SOS, _APP0, _APP1, _APP2, _ADOBE = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xEE
_EXIF, _XMP, _ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"


class _Frame:
    """A frame header: size of the image, and blocks of each component."""

    def __init__(self, marker: int, body: bytes) -> None:
        if marker not in (_BASELINE, _EXTENDED, _PROGRESSIVE):
            raise ImageError("a lossless or arithmetic-coded JPEG: convert it to a baseline JPEG")
        precision, self.height, self.width, count = struct.unpack_from(">BHHB", body)
        components = [tuple(body[i : i + 2]) for i in range(6, 6 + 3 * count, 3)]
        sampling = {name: (by >> 4, by & 15) for name, by in components}
        if len(sampling) != count:
            raise ImageError("image is truncated or corrupt (the components of a JPEG)")
        if precision != 8 or count not in (1, 3, 4) or not all(h and v for h, v in sampling.values()):
            raise ImageError(f"a JPEG of {count} components of {precision} bits: convert it to a baseline JPEG")
        check_size(self.width, self.height)
        self.count, self.baseline = count, marker != _PROGRESSIVE
        across, down = (max(by[i] for by in sampling.values()) for i in (0, 1))
        self.blocks = {
            name: -(-self.width * h // (8 * across)) * -(-self.height * v // (8 * down))
            for name, (h, v) in sampling.items()
        }


@dataclass
class _Structure:
    """Segments that are needed for the pixels, and metadata by kind."""

    kept: list[bytes]
    metadata: dict[bytes, list[bytes]]
    frame: _Frame
    whole: bool
    """All components are in the first scan, and libjpeg decodes no other."""


def parse(content: bytes, side: int | None) -> ImageFile:
    """A JPEG without its metadata.

    Args:
        side: of the square that Pillow is asked to decode it for, at a fraction of its size; None for all pixels.

    Raises:
        ImageError: it is not one, or would take too much to decode.
    """
    found = _read(content)
    return ImageFile(
        "JPEG",
        b"".join(found.kept),
        check_memory(_memory(found, side), "a JPEG" if found.frame.baseline else "a progressive JPEG"),
        orientation(*(found.metadata.get(kind, [b""])[0] for kind in (_EXIF, _XMP))),
        _profile(found.metadata.get(_ICC, [])),
    )


def pixels_of_part(content: bytes) -> int:
    """Pixels of a JPEG that is a part of another file, whose tables may be elsewhere.

    Raises:
        ImageError: it is none, or has several scans.
    """
    found = _read(content)
    if not found.whole:
        raise ImageError("a progressive JPEG inside another file: convert it to a baseline JPEG")
    return found.frame.width * found.frame.height


def _read(content: bytes) -> _Structure:
    found, segments = _Structure([content[:2]], {}, None, True), Segments(content)  # type: ignore[arg-type]
    position, scans, visits = 2, 0, 0
    while match := _MARKER.search(content, position):
        segments.count()
        marker, start = content[match.end() - 1], match.start()
        position = match.end()
        if marker < _BASELINE or marker == _SOI:  # has no length
            continue
        if marker == _EOI:
            found.kept.append(b"\xff\xd9")
            break
        (length,) = struct.unpack_from(">H", content, position)
        position, body = position + length, content[position + 2 : position + length]
        if length < 2:
            raise ImageError("image is truncated or corrupt (a segment of a JPEG has no length)")
        if marker in _FRAMES:
            if found.frame:
                raise ImageError("image is truncated or corrupt (a JPEG with two frames)")
            found.frame = _Frame(marker, body)
            found.kept.append(content[start:position])
        elif marker in _TABLES:
            found.kept.append(content[start:position])
        elif marker == _SOS:
            scans += 1
            if scans == 1:
                found.whole = _frame(found).baseline and body[0] == found.frame.count
            if found.whole:
                found.kept.append(content[start:])
                break
            visits += sum(found.frame.blocks.get(name, 0) for name in body[1 : 1 + 2 * body[0] : 2])
            if scans > MAX_SCANS or visits > MAX_VISITS:
                raise TooCostly(f"a progressive JPEG of more than {scans - 1} scans: save it as a baseline JPEG")
            following = _MARKER.search(content, position)
            found.kept.append(content[start : following.start() if following else None])
        elif marker == _APP0 and body.startswith(b"JFIF\0") and len(body) >= 14:
            found.kept.append(b"\xff\xe0\0\x10" + body[:12] + b"\0\0")  # with a thumbnail of 0 × 0 pixels
        elif marker == _ADOBE and body.startswith(b"Adobe") and len(body) >= 12:
            found.kept.append(content[start:position])
        elif marker in (_APP1, _APP2):
            _keep(found.metadata, body)
    _frame(found)
    return found


def _frame(found: _Structure) -> _Frame:
    if not found.frame:
        raise ImageError("image is truncated or corrupt (a JPEG without a frame)")
    return found.frame


def _keep(metadata: dict[bytes, list[bytes]], body: bytes) -> None:
    for kind in (_EXIF, _XMP, _ICC):
        if body.startswith(kind):
            metadata.setdefault(kind, []).append(body[len(kind) :])


def _memory(found: _Structure, side: int | None) -> int:
    frame = found.frame
    pixels = frame.width * frame.height
    if side is not None:  # as Pillow's draft chooses
        scale = max(1, min(frame.width, frame.height) // side)
        pixels //= next(step for step in (8, 4, 2, 1) if scale >= step) ** 2
    coefficients = 0 if found.whole else 128 * sum(frame.blocks.values())
    return pixels * (1 if frame.count == 1 else 4) + coefficients


def _profile(parts: list[bytes]) -> bytes:
    """Join an ICC profile by the numbers of its parts (ICC.1:2022, annex B.4); empty where one is missing."""
    if sum(map(len, parts)) > MAX_PROFILE or not all(len(part) > 2 for part in parts):
        return b""
    numbered = {part[0]: part[2:] for part in parts}
    whole = bool(parts) and sorted(numbered) == list(range(1, parts[0][1] + 1))
    return b"".join(numbered[number] for number in sorted(numbered)) if whole else b""
