"""Packs and unpacks model and output archives (tar.gz)."""

import tarfile
import zlib
from pathlib import Path


class ArchiveError(Exception):
    """An archive that cannot be unpacked; the message has the reason and the fix."""


def pack(folders: list[Path], target: Path) -> Path:
    """Pack the files of all folders into one archive, the first of each name; SageMaker's instances share one, too."""
    with tarfile.open(target, "w:gz", compresslevel=1) as archive:
        packed: set[str] = set()
        for folder in folders:
            for path in sorted(p for p in folder.rglob("*") if p.is_file()):
                name = path.relative_to(folder).as_posix()
                if name not in packed:
                    packed.add(name)
                    archive.add(path, name)
    return target


def unpack(archive: Path, target: Path) -> None:
    """Extract an archive into a folder, which is there afterwards even if the archive is empty.

    Raises:
        ArchiveError: it is no tar file, is truncated or damaged, or holds a path outside of the folder.
    """
    target.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive) as packed:
            packed.extractall(target, filter="data")
    except tarfile.FilterError as error:
        raise ArchiveError(f"{error}; pack it from within its folder: tar -czf model.tar.gz -C FOLDER .") from error
    except EOFError as error:
        raise ArchiveError("it is truncated; upload it again") from error
    except (tarfile.TarError, zlib.error, OSError) as error:
        raise ArchiveError(f"it is not a valid tar file, compressed or not ({error}); upload it again") from error
