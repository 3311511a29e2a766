"""The structure of an AVIF file: ISO/IEC 14496-12 and 23008-12, AV1 Image File Format, AV1 bitstream (5.3, 5.5).

An item may have more frames than are shown, and each may be larger than the file says: all are counted.
"""

from collections.abc import Iterator

from serving.image_bounds import ImageError, ImageFile, Segments, TooCostly, check_memory, check_size

MAX_FRAMES = 4  # of one item: an image of several layers
MAX_ITEMS = 256
_SEQUENCE_HEADER, _FRAME_HEADER, _FRAME = 1, 3, 6
_HIDDEN = (b"Exif", b"mime")


class _Bits:
    """Reads whole numbers from bits or bytes."""

    def __init__(self, content: bytes, start: int = 0) -> None:
        self._content, self.position = content, start

    def bits(self, count: int) -> int:
        """The next bits; `position` counts bits, if this alone is called."""
        end = self.position + count
        if end > 8 * len(self._content):
            raise IndexError
        found = int.from_bytes(self._content[self.position // 8 : -(-end // 8)], "big")
        self.position = end
        return found >> -end % 8 & (1 << count) - 1

    def bytes(self, count: int) -> int:
        """The next bytes; `position` counts bytes, if this alone is called."""
        self.position += count
        if self.position > len(self._content):
            raise IndexError
        return int.from_bytes(self._content[self.position - count : self.position], "big")


def parse(content: bytes) -> ImageFile:
    """The still image of an AVIF without EXIF and XMP. Its orientation and profile are libavif's to say.

    Raises:
        ImageError: it is not one, or would take too much to decode.
    """
    segments, patched = Segments(content), bytearray(content)
    locations: dict[int, list[tuple[int, int]]] = {}
    images: set[int] = set()
    deep = False
    for kind, start, end in _boxes(content, 0, len(content), segments):
        if kind == b"moov":  # the tracks of an animation, which libavif would prefer to its still image
            patched[start - 4 : start] = b"free"
        elif kind == b"ftyp":
            patched[start:end] = content[start:end].replace(b"avis", b"avif")
        if kind != b"meta":
            continue
        inner = {kind: (at, to) for kind, at, to in _boxes(content, start + 4, end, segments)}
        data = inner.get(b"idat", (0, 0))[0]
        locations = _locations(content, inner[b"iloc"][0], data, segments)
        for item, type_, at in _items(content, *inner[b"iinf"], segments):
            if type_ == b"av01":
                images.add(item)
            elif type_ in _HIDDEN:
                patched[at : at + 4] = b"skip"
        for holder, at, to in _boxes(content, *inner[b"iprp"], segments):
            for kind, first, last in _boxes(content, at, to, segments) if holder == b"ipco" else ():
                deep |= kind == b"av1C" and bool(content[first + 2] & 0x40)
                if kind == b"ispe" and last - first >= 12:
                    size = _Bits(content, first + 4)
                    check_size(size.bytes(4), size.bytes(4))
    if not 1 <= len(images) <= MAX_ITEMS:
        raise ImageError("an AVIF without a still image, or of too many: convert it to JPEG or PNG")
    pixels, memory = 0, check_memory(sum(length for item in images for _, length in locations[item]), "an AVIF")
    for item in images:
        stream = b"".join(content[at : at + length] for at, length in locations[item])
        pixels += _decoded_pixels(stream, segments)
        check_size(pixels, 1)
    return ImageFile("AVIF", bytes(patched), check_memory(memory + pixels * (18 if deep else 12), "an AVIF"))


def _boxes(content: bytes, position: int, end: int, segments: Segments) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of the content of each box."""
    while position + 8 <= end:
        segments.count()
        size, kind = int.from_bytes(content[position : position + 4], "big"), content[position + 4 : position + 8]
        start = position + 8
        if size == 1:
            size, start = int.from_bytes(content[start : start + 8], "big"), start + 8
        following = position + size if size else end
        if not start <= following <= end:
            raise ImageError("image is truncated or corrupt (a box of an AVIF)")
        yield kind, start, following
        position = following


def _items(content: bytes, start: int, end: int, segments: Segments) -> Iterator[tuple[int, bytes, int]]:
    """Number and type of each item, and where its type stands."""
    for kind, at, _ in _boxes(content, start + (6 if content[start] == 0 else 8), end, segments):
        if kind == b"infe" and content[at] in (2, 3):
            width = 2 if content[at] == 2 else 4
            place = at + 6 + width
            yield int.from_bytes(content[at + 4 : at + 4 + width], "big"), content[place : place + 4], place


def _locations(content: bytes, start: int, data: int, segments: Segments) -> dict[int, list[tuple[int, int]]]:
    """Offset and length of each part of an item, by its number. `data` is where the box idat starts.

    Raises:
        TooCostly: an item is longer than the file. Several may have the same bytes: identical tiles share theirs.
    """
    version, read = content[start], _Bits(content, start + 4)
    sizes = read.bytes(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    wide = 4 if version == 2 else 2
    found: dict[int, list[tuple[int, int]]] = {}
    for _ in range(read.bytes(wide)):
        segments.count()
        item = read.bytes(wide)
        method = read.bytes(2) & 15 if version else 0
        read.bytes(2)
        base = read.bytes(base_size) + (data if method == 1 else 0)
        found[item], left = [], len(content)
        for _ in range(read.bytes(2)):
            segments.count()
            if version:
                read.bytes(index_size)
            start = base + read.bytes(offset_size)
            rest = max(len(content) - start, 0)
            length = min(read.bytes(length_size) or rest, rest)
            left -= length
            if left < 0:
                raise TooCostly("an AVIF that uses the same bytes again and again: convert it to JPEG or PNG")
            found[item].append((start, length))
    return found


def _decoded_pixels(stream: bytes, segments: Segments) -> int:
    """Pixels of all frames that a decoder would decode."""
    position, frames, largest = 0, 0, 0
    while position < len(stream):
        segments.count()
        header = stream[position]
        kind, position = header >> 3 & 15, position + 1 + (header >> 2 & 1)
        size = len(stream) - position
        if header & 2:
            size = 0
            for shift in range(0, 56, 7):
                byte, position = stream[position], position + 1
                size |= (byte & 127) << shift
                if byte < 128:
                    break
        if kind == _SEQUENCE_HEADER:
            largest = max(largest, _frame_pixels(stream[position : position + size]))
        frames += kind in (_FRAME_HEADER, _FRAME)
        position += size
    if not 1 <= frames <= MAX_FRAMES or not largest:
        raise TooCostly(f"an AVIF whose image has {frames} frames: convert it to JPEG or PNG")
    return frames * largest


def _frame_pixels(header: bytes) -> int:
    """Pixels of the largest frame that a sequence header allows."""
    read = _Bits(header)
    read.bits(4)
    reduced = read.bits(1)
    if reduced:
        read.bits(5)
    else:
        if read.bits(1):
            raise ImageError("an AVIF with the timing of a video: convert it to JPEG or PNG")
        delay = read.bits(1)
        for _ in range(read.bits(5) + 1):
            read.bits(12)
            if read.bits(5) > 7:
                read.bits(1)
            if delay and read.bits(1):
                read.bits(4)
    bits = read.bits(4) + 1, read.bits(4) + 1
    width, height = (read.bits(count) + 1 for count in bits)
    return width * height if reduced else 1 << sum(bits)  # else a frame's header may give another size
