"""The archives that a job leaves in S3."""

import tarfile
from pathlib import Path


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
