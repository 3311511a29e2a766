"""Contents of image files, by which the same image under two names is found."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from serving.preprocessing import ImageError, inspect


def same_images(files: Iterable[Path], read: Callable[[Path], bytes] = Path.read_bytes) -> dict[str, list[Path]]:
    """Files by the digest of their pixels as they are encoded: the same image with other metadata has the same.

    A file that cannot be read as an image is compared by all of its bytes.
    """
    found: dict[str, list[Path]] = defaultdict(list)
    files = list(files)
    with ThreadPoolExecutor() as pool:
        for path, digest in zip(files, pool.map(lambda path: _digest(read(path)), files), strict=True):
            found[digest].append(path)
    return dict(found)


def _digest(content: bytes) -> str:
    with suppress(ImageError):
        content = inspect(content, None).content
    return hashlib.sha256(content).hexdigest()
