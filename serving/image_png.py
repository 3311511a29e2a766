"""The structure of a PNG file: Portable Network Graphics Specification, third edition."""

import struct
import zlib

from serving.image_bounds import ImageError, ImageFile, Segments, check_memory, check_size
from serving.image_colour import MAX_PROFILE
from serving.image_metadata import orientation

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_TEXT = 2**17  # bytes of EXIF as text, which ImageMagick writes
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PALETTE = 3
_TRANSPARENCY = {0: (2,), 2: (6,), 3: range(1, 257)}  # lengths of tRNS by the type of colour
_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


def parse(content: bytes) -> ImageFile:
    """A PNG without its metadata, the default image of an animation.

    Raises:
        ImageError: it is not one, or would take too much to decode.
    """
    chunks, data, segments = dict[bytes, bytes](), [], Segments(content)
    position = len(SIGNATURE)
    while position + 8 <= len(content) and b"IEND" not in chunks:
        segments.count()
        length, kind = struct.unpack_from(">L4s", content, position)
        body = content[position + 8 : position + 8 + length]
        if kind in _PIXELS:
            checksum = content[position + 8 + length : position + 12 + length]
            if checksum != zlib.crc32(kind + body).to_bytes(4, "big"):
                raise ImageError(f"image is truncated or corrupt (chunk {kind.decode()} of a PNG)")
        position += 12 + length
        if kind == b"IDAT":
            data.append(body)
        elif kind in (b"tEXt", b"zTXt"):
            if body.startswith(b"Raw profile type exif\0"):
                chunks.setdefault(kind, body)
        elif kind != b"iTXt" or body.startswith(b"XML:com.adobe.xmp\0"):
            chunks.setdefault(kind, body)
    header = chunks.get(b"IHDR", b"")
    width, height, depth, colour = struct.unpack_from(">LLBB", header)
    check_size(width, height)
    if colour not in _CHANNELS or not data:
        raise ImageError("image is truncated or corrupt (a PNG without pixels)")
    transparency = chunks.get(b"tRNS")
    if transparency is not None and len(transparency) not in _TRANSPARENCY.get(colour, ()):
        transparency = None
    kept = [(b"IHDR", header), (b"PLTE", chunks.get(b"PLTE")), (b"tRNS", transparency)]
    kept += [(b"IDAT", b"".join(data)), (b"IEND", b"")]
    raw = width * height * _CHANNELS[colour] * depth // 8  # is unpacked in full, a row at a time
    decoded = width * height * _bytes_a_pixel(colour, depth, transparency is not None)
    return ImageFile(
        "PNG",
        SIGNATURE + b"".join(_chunk(kind, body) for kind, body in kept if body is not None),
        check_memory(max(raw, decoded), "a PNG"),
        orientation(chunks.get(b"eXIf") or _exif_as_text(chunks), chunks.get(b"iTXt", b"")),
        _profile(chunks.get(b"iCCP", b"")),
    )


def _bytes_a_pixel(colour: int, depth: int, transparent: bool) -> int:
    """Bytes a pixel in Pillow and while it is converted to RGB."""
    if colour == 0 and not transparent:
        return 8 if depth == 16 else 2
    if colour == _PALETTE:
        return 9 if transparent else 5
    return 4 if colour == 2 and not transparent else 8


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">L", len(body)) + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def _unpacked(packed: bytes, limit: int) -> bytes:
    """Unpack deflated metadata; empty if it is damaged, or longer than the limit."""
    unpack = zlib.decompressobj()
    try:
        found = unpack.decompress(packed, limit)
    except zlib.error:
        return b""
    return b"" if unpack.unconsumed_tail else found


def _profile(body: bytes) -> bytes:
    return _unpacked(body.partition(b"\0")[2][1:], MAX_PROFILE)


def _exif_as_text(chunks: dict[bytes, bytes]) -> bytes:
    """EXIF as hexadecimal digits after three lines: its name, and its length."""
    packed, text = chunks.get(b"zTXt", b""), chunks.get(b"tEXt", b"").partition(b"\0")[2]
    if packed:
        text = _unpacked(packed.partition(b"\0")[2][1:], MAX_TEXT)
    try:
        return bytes.fromhex(b"".join(text[:MAX_TEXT].split(b"\n")[3:]).decode())
    except ValueError:
        return b""
