"""Starts, finds and ends the local AWS of a home folder."""

import json
import os
import secrets
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from local_aws import clock, doubts
from local_aws.home import ACCOUNT, ACCOUNT_KIND, DEFAULT_REGION, ESTABLISHED, Home, private, write_env
from local_aws.processes import clean_environment, marked, sweep
from local_aws.regions import regions
from training.errors import ReportedError

_BUSY_SECONDS = 60.0  # until one that runs must answer
_START_SECONDS = 180.0  # a machine under load takes long; a server that dies is noticed at once


class LocalAwsError(ReportedError):
    """The local AWS cannot start; the message says why and what to do."""


@dataclass(frozen=True)
class LocalAwsRun:
    """A local AWS that runs, or did: its run id, process id of its supervisor, endpoint and certificate file."""

    run_id: str
    supervisor: int
    endpoint: str
    certificate: str
    time_factor: float = 1.0
    account: str = ESTABLISHED
    doubts: str = ""  # as doubts.parse gives them

    def healthy(self) -> bool:
        """True if the server answers its health check within 5 s."""
        try:
            context = ssl.create_default_context(cafile=self.certificate)  # an error while it is half written
            url = f"{self.endpoint}/_ministack/health"
            with urllib.request.urlopen(url, timeout=5, context=context) as answer:  # noqa: S310 (our own address)
                return bool(answer.status == 200)
        except OSError:
            return False


def current(home: Home) -> LocalAwsRun | None:
    """Run recorded in the home folder, alive or not; None without one."""
    try:
        return LocalAwsRun(**json.loads(home.run_file.read_text()))
    except FileNotFoundError:
        return None


def up(
    home: Home,
    port: int = 0,
    region: str = DEFAULT_REGION,
    *,
    tied: bool = False,
    time_factor: float | None = None,
    doubt: Sequence[str] = (),
    account: str | None = None,
) -> LocalAwsRun:
    """Start a local AWS, or return the one that already runs in this home folder.

    Args:
        port: 0 chooses a free port.
        tied: end the local AWS when the calling process ends, however it ends.
        time_factor: see local_aws.clock; None takes it from the environment.
        doubt: names of doubts to which it gives the other answer, see local_aws.doubts.
        account: ESTABLISHED, which None stands for, or NEW.

    Raises:
        LocalAwsError: it does not start, the port is taken, or it runs already and does not answer, or with another
            time factor, account or doubts.
    """
    try:
        answers = doubts.parse(doubt)
    except ValueError as error:
        raise LocalAwsError(str(error)) from error
    run = current(home)
    if run and _answers(run):
        if time_factor not in (None, run.time_factor):
            raise LocalAwsError(
                f"local AWS runs already, with the time factor {run.time_factor:g}: `make down`, then start it again"
            )
        if account not in (None, run.account):
            raise LocalAwsError(f"local AWS runs already, as {run.account} account: `make down`, then start it again")
        if doubt and answers != run.doubts:
            given = f"the doubts {run.doubts}" if run.doubts else "no doubts"
            raise LocalAwsError(f"local AWS runs already, with {given}: `make down`, then start it again")
        return run
    try:
        factor = clock.time_factor() if time_factor is None else time_factor
    except ValueError as error:
        raise LocalAwsError(f"{clock.VARIABLE}: {error}") from error
    if region not in regions():
        raise LocalAwsError(f"there is no region {region}: take one such as {DEFAULT_REGION}")
    down(home)
    listening = _listen(port)
    port = listening.getsockname()[1]
    home.root.mkdir(parents=True, exist_ok=True)
    home.scratch.mkdir(mode=0o700)
    run_id = secrets.token_hex(8)
    access_key, secret_key = "AKIA" + secrets.token_hex(8).upper(), secrets.token_urlsafe(30)
    environment = _server_environment(home, run_id, port, region, access_key, secret_key, factor)
    account = account or ESTABLISHED
    environment |= {doubts.VARIABLE: answers, ACCOUNT_KIND: account}
    supervisor = _start_supervisor(home, listening, environment, tied)
    endpoint = f"https://127.0.0.1:{port}"  # with an IP address, S3 clients put the bucket in the path
    certificate = str(home.scratch / "ministack-tls" / "server.crt")
    run = LocalAwsRun(run_id, supervisor.pid, endpoint, certificate, factor, account, answers)
    private(home.run_file).write_text(json.dumps(asdict(run)))
    try:
        _wait_until_healthy(run, supervisor, home)
    except BaseException:
        down(home)
        raise
    write_env(
        home.env_file,
        {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret_key,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_CA_BUNDLE": certificate,
            "NODE_EXTRA_CA_CERTS": certificate,
            "CDK_DOCKER": str(_docker(home)),
            clock.VARIABLE: f"{factor:g}",
        },
    )
    return run


def down(home: Home) -> int:
    """End the local AWS of this home folder and all processes it started; returns their number."""
    run = current(home)
    ended = 0
    if run:
        ended = sweep(run.run_id, grace_seconds=3)
    home.env_file.unlink(missing_ok=True)
    home.run_file.unlink(missing_ok=True)
    shutil.rmtree(home.scratch, ignore_errors=True)
    return ended


def processes(run: LocalAwsRun) -> list[psutil.Process]:
    """All processes of a run."""
    return marked(run.run_id)


def _answers(run: LocalAwsRun) -> bool:
    """True if the run is healthy, at once or when it has done what it is busy with; false if it has ended.

    Raises:
        LocalAwsError: it runs and does not answer.
    """
    deadline = time.monotonic() + _BUSY_SECONDS
    while not run.healthy():
        if all(process.pid != run.supervisor for process in processes(run)):
            return False
        if time.monotonic() > deadline:
            raise LocalAwsError(
                f"local AWS runs already, at {run.endpoint}, and is too busy to answer: try again, or end it with "
                "everything in it: `make down`"
            )
        time.sleep(0.1)
    return True


def _start_supervisor(
    home: Home, listening: socket.socket, environment: dict[str, str], tied: bool
) -> subprocess.Popen[bytes]:
    """Start the supervisor with the listening socket; if `tied`, it also watches a pipe of this process."""
    held, watched = os.pipe()
    with listening, private(home.log_file).open("w") as log:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "local_aws.supervisor", str(listening.fileno()), *([str(held)] if tied else [])],
            pass_fds=(listening.fileno(), held) if tied else (listening.fileno(),),
            cwd=Path(__file__).resolve().parent.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    os.close(held)
    if not tied:
        os.close(watched)  # if tied it stays open until this process ends; the supervisor then sees it close
    return supervisor


def _docker(home: Home) -> Path:
    """Program that stands in for Docker."""
    program = home.scratch / "docker"
    variables = {"PYTHONPATH": Path(__file__).resolve().parent.parent, "SLIPWAY_LOCAL_HOME": home.root}
    settings = " ".join(f"{name}={shlex.quote(str(value))}" for name, value in variables.items())
    call = f"{settings} exec {shlex.quote(sys.executable)} -m local_aws.images.docker"
    program.write_text(f'#!/bin/sh\n{call} "$@"\n')
    program.chmod(0o755)
    return program


def _server_environment(
    home: Home, run_id: str, port: int, region: str, access_key: str, secret_key: str, time_factor: float
) -> dict[str, str]:
    return clean_environment(
        run_id,
        # MiniStack's defaults bind every interface, open an MQTT port and accept any key.
        BIND_HOST="127.0.0.1",
        GATEWAY_PORT=str(port),
        MINISTACK_HOST="localhost",
        MINISTACK_ACCOUNT_ID=ACCOUNT,
        MINISTACK_REGION=region,
        USE_SSL="1",
        AUTH="true",
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        LOG_LEVEL="WARNING",
        AWS_ACCESS_KEY_ID=access_key,
        AWS_SECRET_ACCESS_KEY=secret_key,
        SLIPWAY_LOCAL_HOME=str(home.root),
        TMPDIR=str(home.scratch),
        **{clock.VARIABLE: f"{time_factor:g}"},
        PYTHONUNBUFFERED="1",
    )


def _listen(port: int) -> socket.socket:
    """Open the socket that the server inherits; it listens from now on, so that no other process takes the port.

    Raises:
        LocalAwsError: the port is taken.
    """
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise LocalAwsError(
            f"port {port} is taken ({error.strerror}). End the process that uses it, or choose another port: "
            f"`make local PORT={port + 1}`"
        ) from error
    return listening


def _wait_until_healthy(run: LocalAwsRun, supervisor: subprocess.Popen[bytes], home: Home) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if supervisor.poll() is not None:
            break
        if os.path.exists(run.certificate) and run.healthy():
            return
        time.sleep(0.1)
    tail = "\n".join(home.log_file.read_text().splitlines()[-15:])
    raise LocalAwsError(f"local AWS did not start; the last lines of {home.log_file}:\n{tail}")
