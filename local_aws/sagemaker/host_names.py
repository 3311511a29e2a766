"""Names of a training job's instances, such as algo-1: all are this machine's loopback.

Sources: "Distributed Training Configuration" and "Build your own processing container", SageMaker developer guide.
"""

import os
import threading
from contextlib import suppress
from pathlib import Path

from local_aws import doubts
from local_aws.container import namespaces

_LATE_SECONDS = 5.0
_WITH_HOSTS = ("sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"')


class HostNames:
    """An /etc/hosts with the names, in `file`, for programs that `command` starts in a mount namespace."""

    def __init__(self, file: Path, names: list[str]) -> None:
        self.command = [*_WITH_HOSTS, str(file)]
        self._file, self._names = file, names
        file.write_text(Path("/etc/hosts").read_text())
        if doubts.other("hosts-late"):
            later = threading.Timer(_LATE_SECONDS, self._add)
            later.daemon = True
            later.start()
        else:
            self._add()

    @classmethod
    def of(cls, folder: Path, names: list[str]) -> "HostNames | None":
        """Names of a job in its folder; None for a single instance, and where this machine has no namespaces."""
        return cls(folder / "hosts", names) if len(names) > 1 and namespaces() else None

    def _add(self) -> None:
        with suppress(FileNotFoundError), self._file.open("r+") as hosts:  # without the file, the job has ended
            hosts.seek(0, os.SEEK_END)
            hosts.write("".join(f"\n127.0.0.1 {name}" for name in self._names) + "\n")
