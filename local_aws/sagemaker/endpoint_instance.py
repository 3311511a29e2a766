"""Endpoint instance: a container with a model, and calls to it."""

import asyncio
import os
import shutil
import socket
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import aiohttp
from ministack.core.concurrency import spawn_background

from aws.instances import Instance
from local_aws.container import RunningContainer, namespaces
from local_aws.iam.principal import RoleSession
from local_aws.images.image import ContainerImage
from local_aws.images.pull import pull
from local_aws.sagemaker.archive import ArchiveError, unpack
from local_aws.sagemaker.data_capture import DataCapture
from local_aws.sagemaker.training_host import LogShipper
from local_aws.service import plain

_START_SECONDS = 180.0
_PING_PAUSE_SECONDS = 2.0
# Without an answer to a ping, after which it hangs. SageMaker documents the 2 s of one ping, and not how many may fail.
_HUNG_SECONDS = 20.0
_CALL_SECONDS = 60.0
_GRACE_SECONDS = 30.0
_RESTART_SECONDS = 1.0  # before another try to start a container
_ROUTED_SECONDS = 0.2  # a call that was just routed to this instance is not counted in flight yet


class InstanceFailed(Exception):
    """The instance did not start; the message is the endpoint's FailureReason."""


class EndpointInstance:
    """Serves one copy of a model; ready when `start` returns.

    A container that ends by itself, or answers no ping any more, is started again. `config_name` names its endpoint
    configuration; `capture` captures its calls unless it is None. `in_flight` counts the requests in progress, so that
    the instance can be drained.
    """

    def __init__(
        self,
        identity: str,
        instance_type: str,
        model: dict[str, Any],
        session: RoleSession,
        config_name: str,
        capture: DataCapture | None = None,
    ) -> None:
        self.identity, self.config_name, self.capture = identity, config_name, capture
        self._instance, self._model, self._session = Instance.parse(instance_type), model, session
        self.in_flight = 0
        self._folder = Path(os.environ["TMPDIR"]) / "endpoints" / identity
        self._container: RunningContainer | None = None
        self._log = ("", "")
        self._ended, self._restarting, self._answered = False, threading.Event(), 0.0
        self._calls: aiohttp.ClientSession | None = None
        self._tail: deque[str] = deque(maxlen=20)

    def start(self, log_group: str, log_stream: str) -> None:
        """Download image and model, start the container, and wait until it is ready.

        Raises:
            InstanceFailed: one of these steps failed; the message has the reason.
        """
        self._log = log_group, log_stream
        try:
            self._image = self._pull()
            self._fetch()
            self._container = self._run()
            self._wait_until_ready(self._container)
        except BaseException:
            self.end()
            raise
        self._answered = time.monotonic()
        threading.Thread(target=self._ping, name=f"ping-{self.identity}", daemon=True).start()

    def _ping(self) -> None:
        """Note when the container last answered a ping, for as long as the instance is there."""
        while not self._ended:
            if self._container and (self._restarting.is_set() or self._container.answers_ping()):
                self._answered = time.monotonic()
            time.sleep(_PING_PAUSE_SECONDS)

    @property
    def running(self) -> bool:
        """True unless its container has ended."""
        return bool(self._container and not self._restarting.is_set() and self._container.poll() is None)

    def restart_if_dead(self) -> None:
        """Start the container again, in the background, if it has ended by itself, or hangs."""
        if not self._answered or self._ended or self._restarting.is_set():
            return
        if not self.running or time.monotonic() - self._answered > _HUNG_SECONDS:
            self._restarting.set()
            spawn_background(self._restart, thread_name=f"restart-{self.identity}")

    def _restart(self) -> None:
        assert self._container
        self._container.end(0)
        shutil.rmtree(self._folder / "root", ignore_errors=True)
        try:
            container = self._run()
            try:
                self._wait_until_ready(container)
            except BaseException:
                container.end(0)
                raise
            self._container = container  # calls reach it from now on, when it is ready
        except Exception as error:  # whatever it is, it is tried again
            self._tail.append(f"{type(error).__name__}: {error}")
            time.sleep(_RESTART_SECONDS)
        self._answered = time.monotonic()
        self._restarting.clear()
        if self._ended:  # meanwhile
            self._container.end(0)
            shutil.rmtree(self._folder, ignore_errors=True)

    async def invoke(self, body: bytes, headers: dict[str, str]) -> tuple[int, Any, bytes]:
        """Status, headers and body of the container's answer to POST /invocations.

        Raises:
            TimeoutError: it took longer than 60 s.
            aiohttp.ClientError: the container broke the connection off, or takes none.
        """
        assert self._container, "calls are routed to a ready instance only"
        if self._calls is None:
            connector = aiohttp.TCPConnector(limit=0, socket_factory=self._make_socket)
            self._calls = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=_CALL_SECONDS),
                auto_decompress=False,
                skip_auto_headers=("Content-Type", "User-Agent"),  # a call without a type arrives without one
            )
        host, port = self._container.address
        self.in_flight += 1
        try:
            async with self._calls.post(f"http://{host}:{port}/invocations", data=body, headers=headers) as reply:
                return reply.status, reply.headers, await reply.read()
        finally:
            self.in_flight -= 1

    def _make_socket(self, _: Any) -> socket.socket:
        assert self._container
        return self._container.make_socket()

    def drain(self) -> None:
        """Wait for the requests in progress, then end the instance."""
        time.sleep(_ROUTED_SECONDS)
        deadline = time.monotonic() + _CALL_SECONDS
        while self.in_flight and time.monotonic() < deadline:
            time.sleep(0.05)
        self.end()

    def end(self) -> None:
        self._ended = True
        if self._container:
            self._container.end(_GRACE_SECONDS)
        if self._calls:
            loop = self._calls._loop
            loop.call_soon_threadsafe(asyncio.ensure_future, self._calls.close())
        shutil.rmtree(self._folder, ignore_errors=True)

    def log(self, line: str, *, group: str) -> None:
        """Write a line to a log stream of its own, as the model's role; makes the group if it is not there."""
        shipper = LogShipper(self._session.client("logs"), group, f"{self.identity}/last", self._tail.append)
        shipper.follow([line]).join()
        shipper.finish()

    def _pull(self) -> ContainerImage:
        """The model's image, pulled by the model's role."""
        name = self._model["PrimaryContainer"]["Image"]
        try:
            return pull(name, self._session)
        except Exception as error:
            raise InstanceFailed(f"Failed to pull the image {name}: {error}") from error

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

    def _run(self) -> RunningContainer:
        image = self._image
        shipper = LogShipper(self._session.client("logs"), *self._log, self._tail.append)
        wanted = "arm64" if self._instance.arm else "amd64"
        if image.architecture != wanted:
            shipper.follow([f"exec {image.command[0]}: exec format error"]).join()
            raise self._not_healthy(f"the image is built for {image.architecture}, {self._instance.name} is {wanted}")
        isolated = self._model.get("EnableNetworkIsolation", False)
        variables = self._model["PrimaryContainer"].get("Environment", {})
        try:
            container = RunningContainer(
                image,
                self._folder,
                environment=variables if isolated else {**self._session.environment(), **variables},
                # A sandbox has no network; without isolation a container may call AWS.
                sandboxed=isolated and namespaces(),
            )
        except BaseException:
            shipper.follow(())  # ends it
            raise
        shipper.follow(container.output)
        return container

    def _wait_until_ready(self, container: RunningContainer) -> None:
        """Wait until GET /ping answers 200 ("How Your Container Should Respond to Health Check (Ping) Requests")."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if container.answers_ping():
                return
            if container.poll() is not None:
                time.sleep(0.2)  # for its last lines
                break
            time.sleep(0.05)
        raise self._not_healthy("its last lines: " + " | ".join(list(self._tail)[-5:]))

    def _not_healthy(self, reason: str) -> InstanceFailed:
        return InstanceFailed(
            "The primary container for production variant did not pass the ping health check. "
            f"Please check CloudWatch logs for this endpoint. ({plain(reason)})"
        )
