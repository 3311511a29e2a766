"""Endpoint instance: a model archive, extracted and served by its own Ray cluster."""

import os
import shutil
import sys
import tempfile
import time
import urllib.request
from collections import deque
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from local_aws.iam.principal import RoleSession
from local_aws.ports import free_port
from local_aws.processes import MARKER, ProcessGroup, clean_environment
from local_aws.sagemaker.archive import ArchiveError, unpack
from local_aws.sagemaker.data_capture import DataCapture
from local_aws.sagemaker.training_host import LogShipper
from local_aws.service import plain

_CONTAINER = Path(__file__).with_name("serving_container.py")
_START_SECONDS = 180.0
_DRAIN_SECONDS = 5.0
_ROUTED_SECONDS = 0.2  # a call that was just routed to this instance is not counted in flight yet


class InstanceFailed(Exception):
    """The instance did not start; the message is the endpoint's FailureReason."""


class EndpointInstance:
    """Serves one copy of a model; ready when `start` returns.

    `config_name` names its endpoint configuration; `capture` captures its calls unless it is None. `in_flight` counts
    the requests in progress, so that the instance can be drained.
    """

    def __init__(
        self,
        identity: str,
        model: dict[str, Any],
        session: RoleSession,
        config_name: str,
        capture: DataCapture | None = None,
    ) -> None:
        self.identity, self.config_name, self.capture = identity, config_name, capture
        self._model, self._session = model, session
        self.in_flight = 0
        self.port = free_port()
        self._folder = Path(os.environ["TMPDIR"]) / "endpoints" / identity
        # Ray puts sockets there; a socket's path is limited to 107 characters.
        self._ray_folder = tempfile.mkdtemp(prefix="slipway-", dir="/tmp")
        self._group: ProcessGroup | None = None
        self._tail: deque[str] = deque(maxlen=20)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, log_group: str, log_stream: str) -> None:
        """Download and extract the model, start its server, and wait until it is ready.

        Raises:
            InstanceFailed: one of these steps failed; the message has the reason.
        """
        try:
            self._fetch()
            shipper = LogShipper(self._session.client("logs"), log_group, log_stream, self._tail.append)
            self._group = self._launch()
            shipper.follow(self._group.output)
            self._wait_until_ready()
        except BaseException:
            self.end()
            raise

    def alive(self) -> bool:
        return self._group is not None and self._group.poll() is None

    def drain(self) -> None:
        """Wait for the requests in progress, then end the instance."""
        time.sleep(_ROUTED_SECONDS)
        deadline = time.monotonic() + 60  # SageMaker's timeout of an invocation
        while self.in_flight and time.monotonic() < deadline:
            time.sleep(0.05)
        self.end()

    def end(self) -> None:
        if self._group:
            self._group.end(_DRAIN_SECONDS)
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.rmtree(self._ray_folder, ignore_errors=True)

    def _fetch(self) -> None:
        container = self._model["PrimaryContainer"]
        location = urlparse(container["ModelDataUrl"])
        self._folder.mkdir(parents=True)
        archive = self._folder / "model.tar.gz"
        try:
            self._session.client("s3").download_file(location.netloc, location.path.lstrip("/"), str(archive))
        except Exception as error:
            raise InstanceFailed(f"Failed to download model data from {container['ModelDataUrl']}: {error}") from error
        try:
            unpack(archive, self._folder / "model")
        except ArchiveError as error:
            raise InstanceFailed(f"Failed to extract {container['ModelDataUrl']}: {error}") from error
        archive.unlink()

    def _launch(self) -> ProcessGroup:
        model, container = self._folder / "model", self._model["PrimaryContainer"]
        isolated = self._model.get("EnableNetworkIsolation", False)
        environment = clean_environment(
            os.environ[MARKER],
            PYTHONPATH=str(model),
            PYTHONUNBUFFERED="1",
            RAY_USAGE_STATS_ENABLED="0",
            RAY_DEDUP_LOGS="0",
            TMPDIR=os.environ["TMPDIR"],
            **({} if isolated else self._session.environment()),
            **container.get("Environment", {}),
        )
        command = [sys.executable, str(_CONTAINER), str(model), str(self.port), self._ray_folder]
        return ProcessGroup(command, environment=environment, cwd=model)

    def _wait_until_ready(self) -> None:
        """Wait for Ray Serve's health check, from which the adapter of AWS's image answers /ping."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if not self.alive():
                break
            if "serving" in self._tail and self._healthy():
                return
            time.sleep(0.1)
        raise InstanceFailed(
            "The primary container for production variant did not pass the ping health check. "
            "Its last lines: " + plain(" | ".join(list(self._tail)[-5:]))
        )

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/healthz", timeout=2) as answer:  # noqa: S310 (loopback)
                return bool(answer.status == 200)
        except OSError:
            return False
