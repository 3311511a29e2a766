"""A real limit to an instance's memory, by what this machine lets us use; never none.

A memory control group is best: it counts everything the instance does, and says the peak. Where none may be made,
systemd may make one for the user. Last, each process alone is held to the limit (RLIMIT_DATA), which is weaker: all
of them together may take more. Which it is stands in the console output.
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
    """A limit of `limit` bytes for the process that runs `enter` before it starts, and for its children.

    Attributes:
        how: the limit in words.
        command: what the limited program's command begins with.
        group: its control group, where it has one.
    """

    limit: int
    how: str
    command: list[str] = field(default_factory=list)
    group: Path | None = None

    def enter(self) -> None:
        """Called in the new process."""
        if self.group:
            (self.group / "cgroup.procs").write_text(str(os.getpid()))
        elif not self.command:
            resource.setrlimit(resource.RLIMIT_DATA, (self.limit, self.limit))

    def peak(self) -> int | None:
        """The most that was used at a time, bytes, file cache included; None where nothing counts it."""
        for name in ("memory.max_usage_in_bytes", "memory.peak"):
            if self.group and (self.group / name).exists():
                return int((self.group / name).read_text())
        return None

    def killed(self) -> int:
        """Processes that the kernel ended because memory was out."""
        for name in ("memory.oom_control", "memory.events"):
            if self.group and (self.group / name).exists():
                counts = dict(line.split() for line in (self.group / name).read_text().splitlines())
                return int(counts.get("oom_kill", 0))
        return 0

    def remove(self) -> None:
        """Once its processes have ended."""
        for _ in range(50):
            if not self.group or not self.group.exists():
                return
            with contextlib.suppress(OSError):
                self.group.rmdir()
                return
            time.sleep(0.1)


def limited(name: str, limit: int) -> Memory:
    """The best limit of `limit` bytes that may be had here; `name` is for its control group."""
    for make in (_version_1, _version_2):
        with contextlib.suppress(OSError):
            if found := make(name, limit):
                return found
    scope = ["systemd-run", "--user", "--scope", "--quiet", f"--property=MemoryMax={limit}", "--"]
    if shutil.which(scope[0]) and subprocess.run([*scope, "true"], capture_output=True).returncode == 0:
        return Memory(limit, "a control group of systemd's", command=scope)
    return Memory(limit, "RLIMIT_DATA: each process alone, since no control group may be made here")


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
