"""The archives that a job leaves in S3, and that an endpoint serves."""

import tarfile
import zlib
from pathlib import Path


class ArchiveError(Exception):
    """A file that cannot be unpacked; the message says what is wrong with it, and how to make one."""


def pack(folders: list[Path], target: Path) -> Path:
    """The folders' files as one archive; instances share one archive, as on SageMaker."""
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
    """Extract an archive into a folder.

    Raises:
        ArchiveError: it is no tar file, is cut off or damaged, or has a file that would lie outside of the folder.
    """
    try:
        with tarfile.open(archive) as packed:
            packed.extractall(target, filter="data")
    except tarfile.FilterError as error:
        raise ArchiveError(f"{error}; pack it from within its folder: tar -czf model.tar.gz -C FOLDER .") from error
    except EOFError as error:
        raise ArchiveError("it is cut off: its end is missing; upload it again") from error
    except (tarfile.TarError, zlib.error, OSError) as error:
        raise ArchiveError(f"it is no sound tar file, compressed or not ({error}); upload it again") from error
