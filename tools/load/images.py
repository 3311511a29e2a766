"""The images that are sent, with their content types."""

from dataclasses import dataclass
from pathlib import Path

from tools.dataset.digits import write as write_digits
from training.errors import InputError

CONTENT_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
MOST = 200  # kept in memory and sent in turn


@dataclass(frozen=True)
class Image:
    content: bytes
    content_type: str


def read_images(folder: Path | None) -> list[Image]:
    """Up to MOST images of `folder`, evenly chosen; of its test/ where it has one. None: the handwritten digits.

    Raises:
        InputError: no folder, or no image in it.
    """
    if folder is None:
        folder = Path("out/digits")
        if not folder.exists():
            write_digits(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: give one with images")
    chosen = folder / "test" if (folder / "test").is_dir() else folder
    files = sorted(path for path in chosen.rglob("*") if path.suffix.lower() in CONTENT_TYPES and path.is_file())
    if not files:
        raise InputError(f"no image in {chosen}: files that end in {', '.join(CONTENT_TYPES)} are sent")
    files = files[:: -(-len(files) // MOST)]
    return [Image(path.read_bytes(), CONTENT_TYPES[path.suffix.lower()]) for path in files]
