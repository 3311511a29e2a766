"""Machine of one EC2 instance: a folder as its disk, and namespaces as its sandbox while it runs."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from aws.ec2_types import EC2_TYPES, Ec2Type
from local_aws.ec2.memory import Memory, limited
from local_aws.ec2.metadata import MetadataServer
from local_aws.ec2.packages import __file__ as _PACKAGES
from local_aws.processes import MARKER, children
from local_aws.sandbox import SandboxPlan, programs, receive

_HERE = Path(__file__).parent
_MIB = 2**20
METADATA = ("169.254.169.254", 80)
TYPES = {"t2.nano": Ec2Type(1, 512), **EC2_TYPES}
_STAND_INS = ("dnf", "python3.12", "aws")
_GRACE_SECONDS = 20.0
_START_SECONDS = 30.0


class Machine:
    """A machine that can boot, stop, and boot again on the same disk.

    `ended` is called when the machine has shut itself down, or did not boot.

    Attributes:
        peak: maximum memory use of all boots, in bytes; None if the memory limit in use does not count it.
        killed: number of processes killed for lack of memory.
        boot_attempted: set when the first boot has succeeded or failed.
        failure: reason why the last boot failed; "" if it did not.
        operation: thread of the last operation that was asked for; it waits for the one before.
    """

    def __init__(
        self,
        folder: Path,
        *,
        instance_type: str,
        user_data: bytes,
        metadata: MetadataServer,
        environment: dict[str, str],
        certificate: Path,
        port: int,
        ended: Callable[[], None],
    ) -> None:
        """Create the machine's disk with `user_data` and the `certificate` of local AWS; `boot` starts it.

        Raises:
            ValueError: the instance type is not in TYPES.
        """
        if instance_type not in TYPES:
            raise ValueError(f"local AWS does not support the instance type {instance_type}: use {', '.join(TYPES)}")
        self._folder, self._root = folder, folder / "disk"
        self._type = TYPES[instance_type]
        self._metadata, self._environment, self._port, self._ended = metadata, environment, port, ended
        self.console = folder / "console.log"
        self.peak: int | None = None
        self.killed = 0
        self.boot_attempted = threading.Event()
        self.failure = ""
        self.operation: threading.Thread | None = None
        self._stopping = False
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.RLock()
        self._install(user_data, certificate)

    def _install(self, user_data: bytes, certificate: Path) -> None:
        """Write the files of the machine image, and the user data where cloud-init puts it."""
        for name in ("tmp", "root", "run", "etc", "dev", "proc", "var/lib/cloud/scripts/per-boot"):
            (self._root / name).mkdir(parents=True, exist_ok=True)
        local = self._root / "opt" / "local"
        for part in ("bin", "sbin", "lib"):
            (local / part).mkdir(parents=True, exist_ok=True)
        shutil.copy(_PACKAGES, local / "lib" / "packages.py")
        python = Path(sys.prefix).resolve() / "bin" / "python"
        for name in _STAND_INS:
            _script(local / "bin" / name, f'#!/bin/sh\nexec {python} -I /usr/local/lib/packages.py {name} "$@"\n')
        _script(local / "sbin" / "shutdown", "#!/bin/sh\nkill -TERM 1\n")
        # Swap cannot be enabled inside a sandbox.
        _script(local / "sbin" / "swapon", '#!/bin/sh\n[ "$1" = --show=NAME ] || exit 1\n')
        _script(self._root / "sbin-init", (_HERE / "init.sh").read_text())
        _script(self._root / "var/lib/cloud/instance/scripts/part-001", user_data)
        shutil.copy(certificate, self._root / "etc" / "local-aws.crt")
        (self._root / "etc" / "hosts").write_text("127.0.0.1 localhost\n")

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def boot(self) -> None:
        """Start the machine; its init process runs the user data.

        Raises:
            OSError: the sandbox cannot be created on this machine; the console output has the details.
        """
        with self._lock:
            self._stopping, self.failure = False, ""
            memory = limited(f"slipway-{self._folder.name}", self._type.memory * _MIB)
            try:
                process, (api, metadata) = self._start(memory)
            except (OSError, subprocess.SubprocessError) as error:
                memory.remove()
                self.failure = str(error)
                self._ended()
                raise OSError(self.failure) from None
            finally:
                self.boot_attempted.set()
            self._process = process
            forwarding = _Forwarder(api, self._port)
            self._metadata.serve(metadata)

            def wait() -> None:
                process.wait()
                forwarding.close()
                self._metadata.close()
                peak, self.killed = memory.peak(), self.killed + memory.killed()
                self.peak = max(filter(None, (peak, self.peak)), default=None)
                memory.remove()
                if not self._stopping:
                    self._ended()

            self._waiter = threading.Thread(target=wait, name=f"ec2-{self._folder.name}", daemon=True)
            self._waiter.start()

    def _start(self, memory: Memory) -> tuple[subprocess.Popen[bytes], list[socket.socket]]:
        """Start the sandbox; returns its process and its listening sockets (AWS endpoint, instance metadata).

        The sockets come over its standard input, which closes with it and has no path, so none can be too long.
        """
        ours, theirs = socket.socketpair()
        with ours, self.console.open("ab") as console:
            with theirs:
                plan = SandboxPlan(
                    str(self._root),
                    ["bash", "/sbin-init"],
                    programs=programs(),
                    # The instance's own packages instead of this machine's.
                    shown={"/usr/local": str(self._root / "opt" / "local")},
                    listen=[("127.0.0.1", self._port), METADATA],
                )
                process = subprocess.Popen(
                    [*memory.command, *plan.arguments],
                    env={**self._environment, "MEMORY_LIMIT_BY": f"{memory.limit // _MIB} MiB, {memory.how}"},
                    stdin=theirs.fileno(), stdout=console, stderr=console, start_new_session=True,
                    preexec_fn=lambda: _enter(memory.enter, self._type.vcpus),
                )  # fmt: skip
            ours.settimeout(_START_SECONDS)
            try:
                sockets = receive(ours, len(plan.listen))
                ours.send(b"x")
            except OSError as error:
                process.kill()
                process.wait()
                raise OSError(f"{error}: {self.output()[-500:]}") from None
        return process, sockets

    def stop(self, *, skip_shutdown: bool = False) -> None:
        """Shut the machine down: SIGTERM to every process, then kill the rest; `skip_shutdown` kills at once."""
        with self._lock:
            if not self._process or not self.running:
                return
            self._stopping = True
            if not skip_shutdown:
                for child in children(self._process.pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, 15)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_GRACE_SECONDS)
            self._process.kill()
            self._waiter.join(10)

    def remove(self) -> None:
        """Stop the machine and delete its disk."""
        self.stop()
        shutil.rmtree(self._root, ignore_errors=True)

    def output(self) -> str:
        return self.console.read_text(errors="replace") if self.console.exists() else ""


def _script(path: Path, text: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o755)


def _enter(limit: Callable[[], None], cores: int) -> None:
    limit()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


class _Forwarder:
    """Forwards an instance's connections to AWS, byte for byte, to the port of this local AWS."""

    def __init__(self, listening: socket.socket, port: int) -> None:
        self._listening, self._port = listening, port
        threading.Thread(target=self._accept, name="ec2-forward", daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                inside, _ = self._listening.accept()
                try:
                    outside = socket.create_connection(("127.0.0.1", self._port))
                except OSError:  # the instance's client sees it, and tries again
                    inside.close()
                    continue
                for source, target in ((inside, outside), (outside, inside)):
                    threading.Thread(target=_carry, args=(source, target), daemon=True).start()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def clean(environment: dict[str, str]) -> dict[str, str]:
    """Environment of a machine's processes: the run id, and the given variables."""
    return {MARKER: os.environ[MARKER], **environment}
