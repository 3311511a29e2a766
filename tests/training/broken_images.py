"""Files that data sets really hold: some are read right, some cannot be read at all."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

RED = (200, 0, 0)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _red() -> Image.Image:
    return Image.new("RGB", (40, 20), RED)


def _sideways() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees
    return encoded(_red(), "JPEG", exif=exif, quality=95)


def _bomb() -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


# what a person sees in each is RED, all over
READABLE: dict[str, Callable[[], bytes]] = {
    "animated": lambda: encoded(_red(), save_all=True, append_images=[Image.new("RGB", (40, 20), "blue")]),
    "cmyk": lambda: encoded(_red().convert("CMYK"), "JPEG", quality=95),
    "16-bit": lambda: encoded(Image.fromarray(np.full((20, 40), 0x4321, np.uint16))),
    "palette": lambda: encoded(_red().quantize(4)),
    "alpha": lambda: encoded(_red().convert("RGBA")),
    "exif-rotated": _sideways,
    "gif": lambda: encoded(_red(), "GIF"),
    "bmp": lambda: encoded(_red(), "BMP"),
    "tiff": lambda: encoded(_red(), "TIFF", compression="tiff_lzw"),
    "large-jpeg": lambda: encoded(Image.new("RGB", (1200, 900), RED), "JPEG", quality=95),
}
UNREADABLE: dict[str, Callable[[], bytes]] = {
    "zero-byte": lambda: b"",
    "truncated": lambda: encoded(Image.effect_noise((64, 64), 50), "JPEG")[:-200],
    "no image": lambda: b"<html>404</html>",
    "another format": lambda: encoded(_red(), "PPM"),
    "bomb": _bomb,
}
