"""Orientation in the metadata of an image. What cannot be read is as if it were not there."""

import re
import struct

MAX_ENTRIES = 4096  # of a TIFF directory that are looked at
ORIENTATION = 0x0112
_XMP_ORIENTATION = re.compile(rb'tiff:Orientation\s*(?:=\s*["\']|>)\s*([1-8])\b')


def orientation(exif: bytes, xmp: bytes = b"") -> int:
    """Orientation from 1 to 8 by EXIF, else by XMP, else 1: upright."""
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    try:
        if order:
            (start,) = struct.unpack_from(order + "L", exif, 4)
            for tag, kind, _, value in entries(exif, start, order):
                if tag == ORIENTATION and kind == 3 and 1 <= (found := struct.unpack_from(order + "H", value)[0]) <= 8:
                    return int(found)
    except struct.error:
        pass
    match = _XMP_ORIENTATION.search(xmp)
    return int(match[1]) if match else 1


def entries(content: bytes, start: int, order: str) -> list[tuple[int, int, int, bytes]]:
    """Tag, type, count and value field of each entry of the TIFF directory at an offset, MAX_ENTRIES at most.

    Args:
        order: of bytes, < or >.

    Raises:
        struct.error: there is no directory at the offset.
    """
    (count,) = struct.unpack_from(order + "H", content, start)
    whole = min(count, MAX_ENTRIES, (len(content) - start - 2) // 12)
    return list(struct.iter_unpack(order + "HHL4s", content[start + 2 : start + 2 + 12 * whole]))
