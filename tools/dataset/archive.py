"""Unpacks a zip or tar of images, as people get data sets, so that it can be used in place of a folder.

Nothing in it is trusted: names stay inside the target folder, only files are unpacked, and their bytes are counted.
"""

import gzip
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from tools.dataset.whole_folder import whole_folder
from training.digests import sha256_of
from training.errors import InputError
from training.listing import SPLITS

UNPACKED = Path("out/data")
MAX_FILES = 2_000_000
MAX_BYTES = 500 * 2**30
SPARE_BYTES = 2**30  # of the disk
_IGNORED = ("__MACOSX", "._")
_PART = 2**20
# what the libraries raise on bytes that are damaged, encrypted or packed in a way that they lack
_DAMAGED = (
    zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError,
)  # fmt: skip


def image_folder(path: Path) -> Path:
    """The folder itself, or the one that a zip or tar is unpacked to: out/data/<digest>. It is unpacked once.

    Raises:
        InputError: the file is no archive, is damaged or encrypted, has names that lead outside, links, or too much.
    """
    if not path.is_file():
        return path
    zipped = zipfile.is_zipfile(path)
    if not zipped and not tarfile.is_tarfile(path):
        raise InputError(f"{path} is neither a folder nor a zip or tar of one")
    target = UNPACKED / sha256_of(path)[:16]
    if not target.exists():
        try:
            with whole_folder(target) as unfinished:
                _unpack(_zipped(path) if zipped else _tarred(path), path, unfinished)
        except _DAMAGED as error:
            raise InputError(f"{path} cannot be unpacked ({error}): get it once more, or unpack it yourself") from None
        except OSError:
            if not target.exists():  # else another command has unpacked the same archive meanwhile
                raise
    return _top(target)


def _unpack(members: "Iterator[tuple[str, IO[bytes]]]", path: Path, target: Path) -> None:
    left = min(MAX_BYTES, shutil.disk_usage(target).free - SPARE_BYTES)
    for count, (name, content) in enumerate(members):
        if count >= MAX_FILES:
            raise InputError(f"{path} has more than {MAX_FILES:,} files: unpack it yourself, and give the folder")
        file = target / _inside(name, path)
        if file.exists():
            raise InputError(f"{path} has {name!r} twice: unpack it yourself, and rename one")
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("xb") as output:
            while part := content.read(_PART):
                left -= len(part)
                if left < 0:
                    raise InputError(
                        f"{path} holds more than the {MAX_BYTES >> 30} GiB that are unpacked, or than the disk"
                    )
                output.write(part)


def _inside(name: str, path: Path) -> PurePosixPath:
    """The name as a path below the target.

    Raises:
        InputError: it is absolute, or leads outside.
    """
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or "\\" in name or "\0" in name or not parts.parts:
        raise InputError(f"{path} has the name {name!r}, which leads outside: unpack it yourself, and look at it")
    return parts


def _zipped(path: Path) -> "Iterator[tuple[str, IO[bytes]]]":
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.is_dir() or _ignored(member.filename):
                continue
            if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
                raise InputError(f"{path} has {member.filename!r}, which is no file: unpack it yourself")
            with archive.open(member) as content:
                yield member.filename, content


def _tarred(path: Path) -> "Iterator[tuple[str, IO[bytes]]]":
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isdir() or _ignored(member.name):
                continue
            content = archive.extractfile(member) if member.isreg() else None
            if content is None:
                raise InputError(f"{path} has {member.name!r}, which is no file: unpack it yourself")
            with content:
                yield member.name, content


def _ignored(name: str) -> bool:
    """True for what macOS adds to an archive."""
    return any(part.startswith(_IGNORED) for part in PurePosixPath(name).parts)


def _top(folder: Path) -> Path:
    """The folder with the splits or classes, where an archive has one folder around them."""
    inside = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    if len(inside) == 1 and inside[0].is_dir() and inside[0].name not in SPLITS:
        return _top(inside[0])
    return folder
