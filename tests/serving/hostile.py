"""Small files that would take long, or much memory, to decode; each in a few milliseconds of work to make."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

from PIL import Image


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


RED = Image.new("RGB", (40, 30), (200, 0, 0))
JPEG, PNG, GIF = encoded(RED, "JPEG", quality=95), encoded(RED), encoded(RED, "GIF")

BLOCKS = 13 + (6 << (GIF[10] & 7))  # after the palette


def _scans(size: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    base = encoded(Image.new("L", (size, size), 128), "JPEG", progressive=True)
    scan = base[base.rfind(b"\xff\xda") : -2]
    return base[:-2] + scan * ((100_000 - len(base)) // len(scan)) + base[-2:]


def _coefficients() -> bytes:
    """The header of a progressive JPEG of 48 megapixels without subsampling."""
    base = encoded(Image.new("RGB", (16, 16)), "JPEG", progressive=True, subsampling=0)
    frame = base.find(b"\xff\xc2")
    return base[: frame + 5] + struct.pack(">HH", 6900, 6900) + base[frame + 9 :]


def _tiff(*tags: tuple[int, int, int, int], data: bytes = b"") -> bytes:
    listed = b"".join(struct.pack("<HHLL", *tag) for tag in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + listed + bytes(4) + data


def _shared_strips() -> bytes:
    """A TIFF of 10,000 rows, whose strips all are the same megabyte."""
    at = 8 + 2 + 12 * 9 + 4
    offsets, counts = struct.pack("<L", at + 80_000) * 10_000, struct.pack("<L", 2**20) * 10_000
    tags = [(256, 4, 1, 8), (257, 4, 1, 10_000), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1)]
    tags += [(273, 4, 10_000, at), (277, 3, 1, 1), (278, 4, 1, 1), (279, 4, 10_000, at + 40_000)]
    return _tiff(*tags, data=offsets + counts + bytes(2**20))


COSTLY: dict[str, Callable[[], bytes]] = {
    "scans of a JPEG": lambda: _scans(2000),
    "scans of a small JPEG": lambda: _scans(8),
    "coefficients of a JPEG": _coefficients,
    "segments of a JPEG": lambda: JPEG[:2] + b"\xff\xfe\0\2" * 300_000 + JPEG[2:],
    "chunks of a PNG": lambda: PNG[:33] + chunk(b"IDAT", b"") * 200_000 + PNG[33:],
    "metadata of a PNG": lambda: PNG[:33] + chunk(b"tEXt", b"a\0b") * 200_000 + PNG[33:],
    "alpha of a PNG": lambda: PNG[:8] + chunk(b"IHDR", struct.pack(">LL", 7000, 7000) + b"\x10\6\0\0\0") + PNG[33:],
    "canvas of a WebP": lambda: encoded(Image.new("RGBA", (7000, 7000)), "WEBP", lossless=True, quality=0),
    "chunks of a WebP": lambda: b"RIFF" + struct.pack("<L", 4 + 8 * 300_000) + b"WEBP" + b"abcd\0\0\0\0" * 300_000,
    "blocks of a GIF": lambda: GIF[:BLOCKS] + b"!\xfe" + b"\1a" * 1_000_000 + b"\0" + GIF[BLOCKS:],
    "canvas of a GIF": lambda: GIF[:6] + struct.pack("<HH", 7000, 7000) + GIF[10:],
    "pixels of a BMP": lambda: b"BM" + bytes(8) + struct.pack("<LLllHHL", 54, 40, 7000, 7000, 1, 32, 0) + bytes(20),
    "strips of a TIFF": _shared_strips,
}  # fmt: skip
