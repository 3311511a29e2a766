"""Sets up an instance's file system and network in new namespaces, then becomes the instance's init process.

    python boot.py ROOT PORT PATH…

ROOT is the instance's disk. Of this machine the instance sees only programs (/usr, PATH…), read-only. Its network has
no route out. Two listening sockets are passed to local AWS over standard input: AWS's endpoint at 127.0.0.1:PORT and
the instance metadata service. Nothing is routed, so no packet gets further than one hop.
"""

import array
import os
import socket
import subprocess
import sys
from pathlib import Path

METADATA = ("169.254.169.254", 80)
_SYSTEM = ("usr", "bin", "sbin", "lib", "lib64", "lib32")
_DEVICES = ("null", "zero", "full", "random", "urandom")
# User names, certificates and linker settings; no passwords, keys or other settings of this machine.
_SETTINGS = ("passwd", "group", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "ssl", "pki", "localtime")


def main(root: Path, port: int, *paths: str) -> None:
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    _hand_over_sockets(port)
    _mount_root(root, paths)
    os.chdir(root)
    # Mount the new root over the old one, then unmount the old one: unlike after chroot, no way leads back.
    subprocess.run(["pivot_root", ".", "."], check=True)
    subprocess.run(["umount", "--lazy", "."], check=True)
    os.chdir("/")
    os.execv("/bin/bash", ["init", "/sbin-init"])  # noqa: S606 (no shell is needed to start one)


def _hand_over_sockets(port: int) -> None:
    for command in (["ip", "address", "add", f"{METADATA[0]}/32", "dev", "lo"], ["ip", "link", "set", "lo", "up"]):
        subprocess.run(command, check=True)
    listening = [socket.create_server(address, backlog=64) for address in (("127.0.0.1", port), METADATA)]
    with socket.socket(fileno=os.dup(0)) as connection:
        numbers = array.array("i", [each.fileno() for each in listening])
        connection.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)])
        connection.recv(1)  # local AWS serves both from now on
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)


def _mount_root(root: Path, paths: tuple[str, ...]) -> None:
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
    for path in paths:
        _read_only(Path(path), root / path.lstrip("/"))
    for name in _DEVICES:
        _bind(Path("/dev") / name, root / "dev" / name)
    for name in ("fd", "stdin", "stdout", "stderr"):
        target = "/proc/self/fd" if name == "fd" else f"/proc/self/fd/{('stdin', 'stdout', 'stderr').index(name)}"
        (root / "dev" / name).unlink(missing_ok=True)
        (root / "dev" / name).symlink_to(target)
    # The instance's own packages instead of this machine's.
    _bind(root / "opt" / "local", root / "usr" / "local")
    (root / "proc").mkdir(exist_ok=True)
    _mount("-t", "proc", "proc", root / "proc")


def _read_only(source: Path, target: Path) -> None:
    _bind(source, target)
    # In a user namespace a mount's existing flags are locked and must be given again: try the usual combinations.
    for flags in ("ro", "ro,nosuid,nodev", "ro,nosuid,nodev,relatime", "ro,nosuid,nodev,noexec,relatime"):
        if subprocess.run(["mount", "-o", f"remount,bind,{flags}", target], capture_output=True).returncode == 0:
            return
    raise OSError(f"{source} cannot be made read only")


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
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
