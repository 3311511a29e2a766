"""The structure of a GIF file (Graphics Interchange Format 89a), and of a BMP file (Microsoft's BITMAPINFOHEADER)."""

import struct

from serving.image_bounds import ImageError, ImageFile, Segments, check_memory, check_size

_EXTENSION, _IMAGE, _GRAPHIC_CONTROL = 0x21, 0x2C, 0xF9
_BYTES_A_PIXEL = 9  # the palette's index, then RGBA twice
_UNCOMPRESSED, _BIT_FIELDS = 0, 3


def parse_gif(content: bytes) -> ImageFile:
    """The first frame of a GIF, without comments and other extensions.

    Raises:
        ImageError: it is not one, or would take too much to decode.
    """
    width, height, flags = struct.unpack_from("<HHB", content, 6)
    position = 13 + _colours(flags)
    kept, segments = [content[:position]], Segments(content)
    control = b""
    while content[position] == _EXTENSION:
        end = _after_blocks(content, position + 2, segments)
        if content[position + 1] == _GRAPHIC_CONTROL:
            control = content[position:end]
        position = end
    if content[position] != _IMAGE:
        raise ImageError("image is truncated or corrupt (a GIF without an image)")
    left, top, across, down, flags = struct.unpack_from("<4HB", content, position + 1)
    width, height = max(width, left + across), max(height, top + down)
    check_size(width, height)
    end = _after_blocks(content, position + 11 + _colours(flags), segments)
    return ImageFile(
        "GIF",
        b"".join((*kept, control, content[position:end], b";")),
        check_memory(width * height * _BYTES_A_PIXEL, "a GIF"),
    )


def parse_bmp(content: bytes) -> ImageFile:
    """A BMP, of which nothing is left out: it has no metadata that Pillow reads.

    Raises:
        ImageError: it is not one, or would take too much to decode.
    """
    (size,) = struct.unpack_from("<L", content, 14)
    layout = "<HHHH" if size == 12 else "<llHHL"
    width, height, _, bits, *compression = struct.unpack_from(layout, content, 18)
    if compression not in ([], [_UNCOMPRESSED], [_BIT_FIELDS]):
        raise ImageError("a compressed BMP: convert it to PNG")
    check_size(abs(width), abs(height))
    memory = abs(width * height) * (5 if bits <= 8 else 8)
    return ImageFile("BMP", content, check_memory(memory, "a BMP"))


def _colours(flags: int) -> int:
    """Bytes of a table of colours, by the flags that announce it."""
    return 3 << (1 + (flags & 7)) if flags & 0x80 else 0


def _after_blocks(content: bytes, position: int, segments: Segments) -> int:
    """Where a chain of data blocks ends."""
    while length := content[position]:
        segments.count()
        position += 1 + length
    return position + 1
