"""Limits an instance's memory by the best means that this machine allows.

A memory control group is best: it counts all of the instance's memory and its peak. If none can be created, systemd may
create one for the user. Otherwise RLIMIT_DATA limits each process alone, which is weaker: together they may use more.
The console output names the means.
"""

import contextlib
import os
import resource
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


@dataclass
class Memory:
    """Memory limit of `limit` bytes for a process and its children; the process calls `enter` before it starts.

    Attributes:
        how: the means, in words.
        command: prefix of the limited program's command.
        group: folder of the control group, if there is one.
    """

    limit: int
    how: str
    command: list[str] = field(default_factory=list)
    group: Path | None = None

    def enter(self) -> None:
        """Apply the limit to the calling process."""
        if self.group:
            (self.group / "cgroup.procs").write_text(str(os.getpid()))
        elif not self.command:
            resource.setrlimit(resource.RLIMIT_DATA, (self.limit, self.limit))

    def peak(self) -> int | None:
        """Maximum memory use in bytes, file cache included; None if it is not counted."""
        for name in ("memory.max_usage_in_bytes", "memory.peak"):
            if self.group and (self.group / name).exists():
                return int((self.group / name).read_text())
        return None

    def killed(self) -> int:
        """Number of processes that the kernel killed for lack of memory."""
        for name in ("memory.oom_control", "memory.events"):
            if self.group and (self.group / name).exists():
                counts = dict(line.split() for line in (self.group / name).read_text().splitlines())
                return int(counts.get("oom_kill", 0))
        return 0

    def remove(self) -> None:
        """Remove the control group; its processes must have ended."""
        for _ in range(50):
            if not self.group or not self.group.exists():
                return
            with contextlib.suppress(OSError):
                self.group.rmdir()
                return
            time.sleep(0.1)


def limited(name: str, limit: int) -> Memory:
    """Create the best memory limit of `limit` bytes that this machine allows; `name` names its control group."""
    for make in (_version_1, _version_2):
        with contextlib.suppress(OSError):
            if found := make(name, limit):
                return found
    scope = ["systemd-run", "--user", "--scope", "--quiet", f"--property=MemoryMax={limit}", "--"]
    if shutil.which(scope[0]) and subprocess.run([*scope, "true"], capture_output=True).returncode == 0:
        return Memory(limit, "a control group by systemd", command=scope)
    return Memory(limit, "RLIMIT_DATA for each process alone, since no control group can be created here")


def _version_1(name: str, limit: int) -> Memory | None:
    lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    for _, controllers, path in lines:
        if "memory" in controllers.split(","):
            group = _made(_ROOT / "memory" / path.lstrip("/") / name)
            (group / "memory.limit_in_bytes").write_text(str(limit))
            return Memory(limit, "a memory control group (version 1)", group=group)
    return None


def _version_2(name: str, limit: int) -> Memory | None:
    if not (_ROOT / "cgroup.controllers").exists():
        return None
    own = next(line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
    group = _made(_ROOT / own.lstrip("/") / name)
    try:
        (group / "memory.max").write_text(str(limit))
    except OSError:
        group.rmdir()
        raise
    return Memory(limit, "a memory control group (version 2)", group=group)


def _made(group: Path) -> Path:
    group.mkdir(exist_ok=True)
    return group
