"""Starts what an endpoint's instance starts: the server's program or, if SERVING_IMAGE names one, its Docker image."""

import http.client
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import serving
from local_aws.ports import free_port
from tests.waiting import LIMIT_SECONDS, until

IMAGE = os.environ.get("SERVING_IMAGE")
MEMORY = 8 * 2**30  # bytes of address space: of a process, even on a machine of many cores


class Container:
    """A container that was started, and perhaps has ended.

    Attributes:
        port: where it answers on loopback.
    """

    def __init__(self, folder: Path, model: Path, *arguments: str, port: int, **environment: str) -> None:
        self.port = port
        self._name, self._output, self._files = f"slipway-{uuid.uuid4().hex}", folder / "stdout", folder / "files"
        program = self._files / "program"
        shutil.copytree(model, self._files / "model")
        code = Path(serving.__file__).parent
        shutil.copytree(code, program / "serving", ignore=shutil.ignore_patterns("__pycache__"))
        self._before = self._present()
        limit: dict[str, Any] = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))}
        with self._output.open("w") as stdout, self._output.with_name("stderr").open("w") as stderr:
            self.process = subprocess.Popen(
                [*(self._of_docker(environment) if IMAGE else [sys.executable, "-m", "serving.server"]), *arguments],
                env=dict(os.environ) if IMAGE else self._variables(environment),
                cwd=program,
                stdout=stdout,
                stderr=stderr,
                **({} if IMAGE else limit),
            )

    def log(self) -> list[dict[str, Any]]:
        """The whole lines of stdout; each has to be JSON."""
        return [json.loads(line) for line in self._output.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def stderr(self) -> str:
        return self._output.with_name("stderr").read_text()

    def ready(self) -> "Container":
        """Waits until it answers /ping with 200."""
        until(self._pinged, told=lambda: (self.log(), self.stderr()))
        return self

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def exit_code(self) -> int:
        """Waits until it has ended."""
        return self.process.wait(LIMIT_SECONDS)

    def post(self, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
        """Status and JSON for a client that sends all of its body before it looks at what comes back."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_SECONDS)
        try:
            connection.request("POST", "/invocations", body, {n.replace("_", "-"): v for n, v in headers.items()})
            answer = connection.getresponse()
            return answer.status, json.load(answer)
        finally:
            connection.close()

    def remove(self) -> None:
        """Ends it, and fails if it wrote a file, or to stdout what is not JSON."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if IMAGE:
            subprocess.run(["docker", "rm", "--force", self._name], capture_output=True)
        self.log()
        assert self._present() == self._before, "it wrote files outside of /tmp"

    def _pinged(self) -> bool:
        assert self.process.poll() is None, (self.log(), self.stderr())
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_SECONDS)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):  # not yet
            return False
        finally:
            connection.close()

    def _present(self) -> list[Path]:
        return sorted(self._files.rglob("*"))

    def _of_docker(self, environment: dict[str, str]) -> list[str]:
        given = [part for name, value in environment.items() for part in ("--env", f"{name}={value}")]
        return [
            "docker", "run", "--rm", "--name", self._name, "--publish", f"127.0.0.1:{self.port}:8080",
            "--volume", f"{self._files / 'model'}:/opt/ml/model:ro", "--read-only", "--tmpfs", "/tmp",
            *given, str(IMAGE),
        ]  # fmt: skip

    def _variables(self, environment: dict[str, str]) -> dict[str, str]:
        """As in the Dockerfile, with other folders; a library that writes into the home folder is found."""
        image = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", "HOME": str(self._files)}
        return {**image, "SAGEMAKER_BASE_DIR": str(self._files), "UVICORN_PORT": str(self.port), **environment}


@contextmanager
def container(
    folder: Path, model: Path, *arguments: str, port: int | None = None, **environment: str
) -> Iterator[Container]:
    """Run a container in an empty folder."""
    started = Container(folder, model, *arguments, port=port or free_port(), **environment)
    try:
        yield started
    finally:
        started.remove()
