"""The structure of a WebP file: RFC 9649."""

import struct

from serving.image_bounds import ImageError, ImageFile, Segments, check_memory, check_size
from serving.image_colour import MAX_PROFILE
from serving.image_metadata import orientation

_ANIMATED, _TRANSPARENT = 0x02, 0x10
_LOSSY, _LOSSLESS, _EXTENDED, _ALPHA, _FRAME = b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANMF"
# libwebp's decoder of animations, which Pillow uses for all, has two canvases; Pillow copies one, then unpacks it
_BYTES_A_PIXEL = 16


def parse(content: bytes) -> ImageFile:
    """A WebP without its metadata, and of an animation its first frame.

    Raises:
        ImageError: it is not one, or would take too much to decode.
    """
    chunks, segments, position = dict[bytes, bytes](), Segments(content), 12
    while position + 8 <= len(content):
        segments.count()
        kind, length = struct.unpack_from("<4sL", content, position)
        chunks.setdefault(kind, content[position + 8 : position + 8 + length])
        if position + 8 + length > len(content) and kind in (_LOSSY, _LOSSLESS, _ALPHA, _FRAME):
            raise ImageError("image is truncated or corrupt (a WebP that ends early)")
        position += 8 + length + length % 2
    extended = chunks.get(_EXTENDED)
    pixels = next((kind for kind in (_FRAME, _LOSSY, _LOSSLESS) if kind in chunks), None)
    if pixels is None or (pixels == _FRAME and extended is None):
        raise ImageError("image is truncated or corrupt (a WebP without pixels)")
    kept = [(pixels, chunks[pixels])]
    transparent = False
    if extended is None:
        width, height, transparent = (_lossy_size if pixels == _LOSSY else _lossless_size)(chunks[pixels])
    else:
        width, height = (1 + int.from_bytes(extended[i : i + 3], "little") for i in (4, 7))
        transparent = bool(extended[0] & _TRANSPARENT)
        flags = extended[0] & (_TRANSPARENT | (_ANIMATED if pixels == _FRAME else 0))
        beside = b"ANIM" if pixels == _FRAME else _ALPHA if pixels == _LOSSY else None
        if beside in chunks:
            kept.insert(0, (beside, chunks[beside]))
        kept.insert(0, (_EXTENDED, bytes((flags, 0, 0, 0)) + extended[4:10]))
    check_size(width, height)
    body = b"WEBP" + b"".join(_chunk(kind, data) for kind, data in kept)
    profile = chunks.get(b"ICCP", b"")
    return ImageFile(
        "WEBP",
        b"RIFF" + struct.pack("<L", len(body)) + body,
        check_memory(width * height * (_BYTES_A_PIXEL + 4 * transparent), "a WebP"),
        orientation(chunks.get(b"EXIF", b""), chunks.get(b"XMP ", b"")),
        profile if len(profile) <= MAX_PROFILE else b"",
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<L", len(data)) + data + b"\0" * (len(data) % 2)


def _lossy_size(data: bytes) -> tuple[int, int, bool]:
    width, height = struct.unpack_from("<HH", data, 6)
    return width & 0x3FFF, height & 0x3FFF, False


def _lossless_size(data: bytes) -> tuple[int, int, bool]:
    (bits,) = struct.unpack_from("<L", data, 1)
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
