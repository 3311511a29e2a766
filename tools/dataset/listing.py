"""Lists the images of a folder with their sha256. An image that was read before and is unchanged is not read again."""

import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from tools.dataset.progress import MANY, bar
from training.digests import sha256_of
from training.folder import Folder, relative_name
from training.listing import ListedImage

KEPT = Path("out/digests")
_PART = 1000  # images between two writes of what is kept
_Stamp = list[int]  # a list, as JSON has it


@dataclass(frozen=True)
class _Found:
    """An image, and the state of its file when it was read."""

    image: ListedImage
    stamp: _Stamp
    new: bool


def with_list(folder: Folder) -> Folder:
    """The data set with the list of its images, with which each later read is compared.

    Of many images, the list is kept in out/digests while it grows: an interrupted one goes on.

    Raises:
        OSError: an image cannot be read.
    """
    if folder.listed:
        return folder
    files = [(relative_name(folder, path), path) for path in folder.files]
    path = KEPT / f"{hashlib.sha256(str(folder.root.resolve()).encode()).hexdigest()[:16]}.jsonl"
    known = _known(path)
    listed: dict[str, ListedImage] = {}
    with bar("digest", len(files)) as advance, ThreadPoolExecutor() as pool, _kept(path, len(files)) as keep:
        for start in range(0, len(files), _PART):
            part = files[start : start + _PART]
            found = list(pool.map(lambda each: _read(each[0], each[1], known), part))
            listed |= {each.image.path: each.image for each in found}
            keep.writelines(_line(each) for each in found if each.new)
            keep.flush()
            advance(len(part))
    return replace(folder, listed=listed)


def _read(name: str, path: Path, known: dict[str, tuple[_Stamp, str]]) -> _Found:
    about = path.stat()
    # a program can set a file's time of modification back, but not that of its last change
    stamp = [about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino]
    before, sha256 = known.get(name, ([], ""))
    new = before != stamp
    return _Found(ListedImage(name, about.st_size, sha256_of(path) if new else sha256), stamp, new)


def _known(path: Path) -> dict[str, tuple[_Stamp, str]]:
    """Stamp and sha256 of the images that were read before, by path; the last of several lines counts."""
    found: dict[str, tuple[_Stamp, str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            name, stamp, sha256 = json.loads(line)
        except ValueError:  # the line at which a run was killed
            continue
        found[name] = stamp, sha256
    return found


@contextmanager
def _kept(path: Path, images: int) -> Iterator[TextIO]:
    """The file of what was read before, opened to add to it; none for few images, or in a read-only folder."""
    place = Path(os.devnull)
    if images >= MANY:
        with suppress(OSError):  # read-only
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            place = path
    with place.open("a", encoding="utf-8") as file:
        yield file


def _line(found: _Found) -> str:
    return json.dumps([found.image.path, found.stamp, found.image.sha256], ensure_ascii=False) + "\n"
