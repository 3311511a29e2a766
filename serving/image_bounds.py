"""Bounds on the work and memory of decoding an image, found from its structure, and errors of those beyond."""

from dataclasses import dataclass

MAX_PIXELS = 50_000_000
MAX_MEMORY = 200_000_000  # bytes, while one image is decoded
MAX_SEGMENTS = 4096  # of a file's structure, beside those that hold at least so many bytes of its content
BYTES_A_SEGMENT = 256


class ImageError(ValueError):
    """The bytes are not a readable image; the message says why."""


class TooManyPixels(ImageError):
    """The image is larger than MAX_PIXELS."""


class TooCostly(ImageError):
    """The image would take too much memory or work to decode."""


@dataclass(frozen=True)
class ImageFile:
    """An image file without its metadata, which Pillow thus never reads.

    Attributes:
        format: Pillow's name.
        content: what is needed for the pixels; the file itself where nothing else can be in it.
        memory: bytes that it takes to decode at most.
        orientation: of EXIF, from 1 to 8.
        profile: ICC profile; empty without one.
    """

    format: str
    content: bytes
    memory: int
    orientation: int = 1
    profile: bytes = b""


def check_size(width: int, height: int) -> None:
    """Refuse an image with more than MAX_PIXELS.

    Raises:
        TooManyPixels: it has more.
        ImageError: it has none.
    """
    if not (width and height):
        raise ImageError("image is truncated or corrupt (it has no pixels)")
    if width * height > MAX_PIXELS:
        raise TooManyPixels(f"image has {width} × {height} pixels; the limit is {MAX_PIXELS:,}")


def check_memory(memory: int, kind: str) -> int:
    """The bytes that decoding takes.

    Raises:
        TooCostly: more than MAX_MEMORY.
    """
    if memory > MAX_MEMORY:
        raise TooCostly(
            f"{kind} image of its size takes {memory // 10**6:,} MB to decode; the limit is "
            f"{MAX_MEMORY // 10**6}: send a smaller one, or a baseline JPEG"
        )
    return memory


class Segments:
    """Counts the segments of a file, so that no time goes into a file that consists of little else."""

    def __init__(self, content: bytes) -> None:
        self._left = MAX_SEGMENTS + len(content) // BYTES_A_SEGMENT

    def count(self) -> None:
        """Count one more.

        Raises:
            TooCostly: it is one too many.
        """
        self._left -= 1
        if self._left < 0:
            raise TooCostly("the file consists of too many segments: save it again as a plain JPEG or PNG")
