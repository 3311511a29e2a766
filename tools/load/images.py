"""Images that the load test sends, with their content types."""

from dataclasses import dataclass
from pathlib import Path

from tools.dataset.digits import write as write_digits
from training.errors import InputError
from training.folder import SUFFIXES

CONTENT_TYPE = "application/x-image"  # of any format: the endpoint looks at the bytes
MAX_IMAGES = 200  # all are held in memory and sent in turn


@dataclass(frozen=True)
class RequestImage:
    """Body of one request and its content type."""

    content: bytes
    content_type: str


def read_images(folder: Path | None) -> list[RequestImage]:
    """Read up to MAX_IMAGES images of `folder`, evenly chosen; of its sub-folder test/ if it has one.

    Without a folder it reads the handwritten digits, written to out/digits first if they are missing.

    Raises:
        InputError: `folder` is not a folder or holds no image.
    """
    if folder is None:
        folder = Path("out/digits")
        if not folder.exists():
            write_digits(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: give one with images")
    chosen = folder / "test" if (folder / "test").is_dir() else folder
    files = sorted(path for path in chosen.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not files:
        raise InputError(f"no image in {chosen}: files that end in {', '.join(SUFFIXES)} are sent")
    files = files[:: -(-len(files) // MAX_IMAGES)]
    return [RequestImage(path.read_bytes(), CONTENT_TYPE) for path in files]
