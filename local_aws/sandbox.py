"""Sets up a file system and a network in new namespaces, then becomes a program in them. A program itself.

    python -I sandbox.py PLAN

PLAN is a SandboxPlan as JSON. Of this machine the program sees only other programs, read-only; its network has no route
out. Over standard input, a socket, local AWS gets the listening sockets that it serves itself, or afterwards, for each
byte that it sends, a new socket that can connect to what listens inside.
"""

import array
import json
import os
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

_SYSTEM = ("usr", "bin", "sbin", "lib", "lib64", "lib32")
_DEVICES = ("null", "zero", "full", "random", "urandom")
# User names, certificates and linker settings; no passwords, keys or other settings of this machine.
_SETTINGS = ("passwd", "group", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "ssl", "pki", "localtime")
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
NAMESPACES = ("--user", "--map-root-user", "--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "--kill-child")


@dataclass(frozen=True)
class SandboxPlan:
    """A sandbox.

    Attributes:
        root: folder that becomes `/`.
        command: program, found on PATH, and arguments. Variables are inherited, as other users can read a command.
        folder: its current folder.
        programs: folders of this machine that it sees, read-only, besides /usr.
        shown: folders of this machine by their place inside; read-only unless they are below `root`.
        listen: addresses at which local AWS serves; without any, it is given sockets to connect.
        frozen: nothing can be written but in `shown` folders below `root`.
    """

    root: str
    command: list[str]
    folder: str = "/"
    programs: list[str] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)
    listen: list[tuple[str, int]] = field(default_factory=list)
    frozen: bool = False

    @property
    def arguments(self) -> list[str]:
        """Command that starts it, without its standard input."""
        python = ["unshare", *NAMESPACES, sys.executable, "-I", __file__]
        return [*python, json.dumps(asdict(self))]


def programs() -> list[str]:
    """Folders of this Python installation outside of /usr, for `SandboxPlan.programs`."""
    places = {str(Path(prefix).resolve()) for prefix in (sys.prefix, sys.base_prefix)}
    return sorted(place for place in places if not place.startswith("/usr/"))


def main(plan: SandboxPlan) -> None:
    path = os.environ.get("PATH", _PATH)
    os.environ["PATH"] = _PATH
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with socket.socket(fileno=os.dup(0)) as connection:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        if plan.listen:
            _hand_over_listening(connection, plan.listen)
        elif os.fork() == 0:
            _hand_over_on_demand(connection)
    _mount_root(Path(plan.root), plan)
    os.chdir(plan.root)
    # Mount the new root over the old one, then unmount the old one: unlike after chroot, no way leads back.
    subprocess.run(["pivot_root", ".", "."], check=True)
    subprocess.run(["umount", "--lazy", "."], check=True)
    os.chdir(plan.folder)
    os.environ["PATH"] = path
    os.execvp(plan.command[0], plan.command)  # noqa: S606 (no shell is needed to start one)


def _hand_over_listening(connection: socket.socket, addresses: list[tuple[str, int]]) -> None:
    for host in {host for host, _ in addresses} - {"127.0.0.1"}:
        subprocess.run(["ip", "address", "add", f"{host}/32", "dev", "lo"], check=True)
    _send(connection, [socket.create_server(tuple(address), backlog=64) for address in addresses])
    connection.recv(1)  # local AWS serves them from now on


def _hand_over_on_demand(connection: socket.socket) -> None:
    """Hand over a socket for each byte received; a socket stays in the network it was made in."""
    while connection.recv(1):
        with socket.socket() as fresh:
            _send(connection, [fresh])
    os._exit(0)


def _send(connection: socket.socket, sockets: list[socket.socket]) -> None:
    numbers = array.array("i", [each.fileno() for each in sockets])
    connection.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)])


def receive(connection: socket.socket, count: int) -> list[socket.socket]:
    """Receive `count` sockets that the sandbox hands over; for the other side.

    Raises:
        OSError: the sandbox has ended.
    """
    numbers = array.array("i")
    _, ancillary, _, _ = connection.recvmsg(1, socket.CMSG_SPACE(count * numbers.itemsize))
    if not ancillary:
        raise OSError("the sandbox has ended")
    numbers.frombytes(ancillary[0][2])
    return [socket.socket(fileno=number) for number in numbers]


def _mount_root(root: Path, plan: SandboxPlan) -> None:
    _mount("--bind", root, root)
    for name in _SYSTEM:
        place = Path("/") / name
        if place.is_symlink():
            (root / name).unlink(missing_ok=True)
            (root / name).symlink_to(place.readlink())
        elif place.exists():
            _read_only(place, root / name)
    for name in _SETTINGS:
        if (Path("/etc") / name).exists():
            _read_only(Path("/etc") / name, root / "etc" / name)
    for program in plan.programs:
        _read_only(Path(program), root / program.lstrip("/"))
    for name in _DEVICES:
        _bind(Path("/dev") / name, root / "dev" / name)
    for name in ("fd", "stdin", "stdout", "stderr"):
        target = "/proc/self/fd" if name == "fd" else f"/proc/self/fd/{('stdin', 'stdout', 'stderr').index(name)}"
        (root / "dev" / name).unlink(missing_ok=True)
        (root / "dev" / name).symlink_to(target)
    for inside, folder in plan.shown.items():
        own = Path(folder).is_relative_to(root)
        (_bind if own else _read_only)(Path(folder), root / inside.lstrip("/"))
    (root / "proc").mkdir(exist_ok=True)
    _mount("-t", "proc", "proc", root / "proc")
    if plan.frozen:
        _remount_read_only(root)


def _read_only(source: Path, target: Path) -> None:
    _bind(source, target)
    _remount_read_only(target)


def _remount_read_only(target: Path) -> None:
    # In a user namespace a mount's existing flags are locked and must be given again: try the usual combinations.
    for flags in ("ro", "ro,nosuid,nodev", "ro,nosuid,nodev,relatime", "ro,nosuid,nodev,noexec,relatime"):
        if subprocess.run(["mount", "-o", f"remount,bind,{flags}", target], capture_output=True).returncode == 0:
            return
    raise OSError(f"{target} cannot be made read only")


def _bind(source: Path, target: Path) -> None:
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    _mount("--rbind", source, target)


def _mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *arguments], check=True)


if __name__ == "__main__":
    main(SandboxPlan(**json.loads(sys.argv[1])))
