"""A container: an image's command, in a sandbox where this machine has namespaces, else as an ordinary process.

Source: "Custom Inference Code with Hosting Services", SageMaker developer guide.
"""

import http.client
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from local_aws.images.image import ContainerImage
from local_aws.ports import free_port
from local_aws.processes import MARKER, ProcessGroup, clean_environment
from local_aws.sandbox import NAMESPACES, SandboxPlan, programs, receive

PORT = 8080
_START_SECONDS = 30.0
_PING_SECONDS = 2.0


@cache
def namespaces() -> bool:
    """True if this machine lets the user make namespaces, and has the programs to set them up."""
    if any(shutil.which(program) is None for program in ("unshare", "ip", "mount", "pivot_root")):
        return False
    return subprocess.run(["unshare", *NAMESPACES, "true"], capture_output=True).returncode == 0


class RunningContainer:
    """A command of `image`; it sees `parts` of the folder `base` below /opt/ml, and can write to /tmp.

    In a sandbox it has no network and its files cannot be written, but those of `base` where that is in the
    container's own folder, `folder`/root. Without one it gets SAGEMAKER_BASE_DIR and UVICORN_PORT instead, which the
    image's program must understand.

    Attributes:
        address: at which it is called, by sockets of `make_socket`.
        output: lines of its log.
    """

    def __init__(
        self,
        image: ContainerImage,
        folder: Path,
        *,
        environment: dict[str, str],
        sandboxed: bool,
        command: list[str] | None = None,
        base: Path | None = None,
        parts: Sequence[str] = ("model",),
    ) -> None:
        """Start it: by default the image's ENTRYPOINT with the argument `serve`, and the model in `folder`.

        Raises:
            OSError: the sandbox cannot be set up.
        """
        root = folder / "root"
        (root / "tmp").mkdir(parents=True)
        image.unpack(root)
        command, base = command or [*image.command, "serve"], base or folder
        inherited = clean_environment(os.environ[MARKER])
        path = f"{Path(sys.prefix).resolve()}/bin:{inherited.get('PATH', os.defpath)}"
        variables = {**inherited, "PATH": path, "HOME": "/root", **image.environment, **environment}
        self._lock = threading.Lock()
        self._sockets: socket.socket | None = None
        if not sandboxed:
            self.address = ("127.0.0.1", free_port())
            variables |= {
                "HOME": str(root / "tmp"),
                "TMPDIR": str(root / "tmp"),
                "SAGEMAKER_BASE_DIR": str(base),
                "UVICORN_HOST": self.address[0],
                "UVICORN_PORT": str(self.address[1]),
            }
            working = root / image.working_folder.lstrip("/")
            self._group = ProcessGroup(command, environment=variables, cwd=working)
            return
        self.address = ("127.0.0.1", PORT)
        plan = SandboxPlan(
            str(root),
            command,
            folder=image.working_folder,
            programs=programs(),
            shown={f"/opt/ml/{part}": str(base / part) for part in parts} | {"/tmp": str(root / "tmp")},  # noqa: S108 (the container's)
            frozen=True,
        )
        self._sockets, theirs = socket.socketpair()
        self._sockets.settimeout(_START_SECONDS)
        with theirs:
            self._group = ProcessGroup(
                plan.arguments, environment=variables, cwd=folder, stdin=theirs.fileno(), contained=True
            )

    @property
    def output(self) -> Any:
        return self._group.output

    def make_socket(self) -> socket.socket:
        """A socket that can connect to `address`.

        Raises:
            OSError: the container has ended.
        """
        if self._sockets is None:
            return socket.socket()
        with self._lock:
            self._sockets.send(b"x")
            [fresh] = receive(self._sockets, 1)
        return fresh

    def answers_ping(self) -> bool:
        """True if GET /ping answers 200 within 2 s.

        Source: "How Your Container Should Respond to Health Check (Ping) Requests", SageMaker developer guide.
        """
        connection = http.client.HTTPConnection(*self.address, timeout=_PING_SECONDS)
        try:
            connection.sock = self.make_socket()
            connection.sock.settimeout(_PING_SECONDS)
            connection.sock.connect(self.address)
            connection.request("GET", "/ping")
            return bool(connection.getresponse().status == 200)
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def poll(self) -> int | None:
        """Exit code; None while it runs."""
        return self._group.poll()

    def end(self, grace_seconds: float) -> None:
        """Send SIGTERM to its first process, and end all of them after `grace_seconds`."""
        self._group.end(grace_seconds)
        if self._sockets is not None:
            self._sockets.close()
