"""Starts and ends the local AWS of a home folder."""

import contextlib
import errno
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from local_aws import clock, doubts
from local_aws.client_files import write_client_files
from local_aws.home import (
    ACCOUNT,
    ACCOUNT_KIND,
    DEFAULT_PORT,
    DEFAULT_REGION,
    ESTABLISHED,
    Home,
    private,
    write_private,
)
from local_aws.processes import HOME, clean_environment, sweep
from local_aws.regions import regions
from local_aws.running import LocalAwsError, LocalAwsRun, current, processes, run_ids

_BUSY_SECONDS = 60.0  # until one that runs must answer
_MIN_FREE_BYTES = 1 << 20  # with less, a server that did not start had no room
_START_SECONDS = 180.0  # a machine under load takes long; a server that dies is noticed at once


def up(
    home: Home,
    port: int | None = None,
    region: str | None = None,
    *,
    default_port: int = 0,
    tied: bool = False,
    time_factor: float | None = None,
    doubt: Sequence[str] = (),
    account: str | None = None,
) -> LocalAwsRun:
    """Start a local AWS, or return the one that already runs in this home folder.

    Args:
        port: None stands for the port of the one that runs, or else `default_port`; there, 0 chooses a free one.
        region: None stands for the region of the one that runs, or else DEFAULT_REGION.
        tied: end the local AWS when the calling process ends, however it ends.
        time_factor: see local_aws.clock; None takes it from the environment.
        doubt: names of doubts to which it gives the other answer, see local_aws.doubts.
        account: ESTABLISHED, which None stands for, or NEW.

    Raises:
        LocalAwsError: it does not start, the port is taken, the disk is full, or one runs already that does not answer,
            or has another port, region, time factor, account or doubts.
        OSError: the home folder cannot be written.
    """
    try:
        answers = doubts.parse(doubt)
    except ValueError as error:
        raise LocalAwsError(str(error)) from error
    run = current(home)
    if run and _answers(home, run):
        _require_same(run, port, region, time_factor, account, answers if doubt else None)
        write_client_files(home, run)  # they may have been lost or damaged
        return run
    try:
        factor = clock.time_factor() if time_factor is None else time_factor
    except ValueError as error:
        raise LocalAwsError(f"{clock.VARIABLE}: {error}") from error
    region = region or DEFAULT_REGION
    if region not in regions():
        raise LocalAwsError(f"there is no region {region}: take one such as {DEFAULT_REGION}")
    down(home)
    listening = _listen(default_port if port is None else port)
    try:
        return _start(home, listening, region, tied, factor, account or ESTABLISHED, answers)
    except BaseException:
        listening.close()
        down(home)
        raise


def _start(
    home: Home, listening: socket.socket, region: str, tied: bool, factor: float, account: str, answers: str
) -> LocalAwsRun:
    """Start the server on `listening`, and write the files of the home folder."""
    port = listening.getsockname()[1]
    home.root.mkdir(parents=True, exist_ok=True)
    home.scratch.mkdir(mode=0o700)
    run_id = secrets.token_hex(8)
    environment = _server_environment(home, run_id, port, region, factor)
    environment |= {doubts.VARIABLE: answers, ACCOUNT_KIND: account}
    supervisor = _start_supervisor(home, listening, environment, tied)
    endpoint = f"https://127.0.0.1:{port}"  # with an IP address, S3 clients put the bucket in the path
    certificate = str(home.scratch / "ministack-tls" / "server.crt")
    run = LocalAwsRun(run_id, supervisor.pid, endpoint, certificate, factor, account, answers, region)
    write_private(home.run_file, json.dumps(asdict(run)))
    _wait_until_healthy(run, supervisor, home)
    write_client_files(home, run)
    return run


def down(home: Home) -> int:
    """End the local AWS of this home folder and all processes it started; returns their number."""
    ids = run_ids(home)
    with contextlib.suppress(LocalAwsError):  # its record cannot be read: its processes are known all the same
        run = current(home)
        ids |= {run.run_id} if run else set()
    ended = sum(sweep(run_id, grace_seconds=3) for run_id in ids)
    home.env_file.unlink(missing_ok=True)
    home.run_file.unlink(missing_ok=True)
    shutil.rmtree(home.scratch, ignore_errors=True)
    return ended


def _require_same(
    run: LocalAwsRun,
    port: int | None,
    region: str | None,
    time_factor: float | None,
    account: str | None,
    answers: str | None,
) -> None:
    """Raises LocalAwsError if the one that runs is not as asked for; None asks for nothing."""
    for asked, has, words in (
        (port, run.port, f"at port {run.port}"),
        (region, run.region, f"in region {run.region}"),
        (time_factor, run.time_factor, f"with the time factor {run.time_factor:g}"),
        (account, run.account, f"as {run.account} account"),
        (answers, run.doubts, f"with {f'the doubts {run.doubts}' if run.doubts else 'no doubts'}"),
    ):
        if asked not in (None, has):
            raise LocalAwsError(f"local AWS runs already, {words}: `make down`, then start it again")


def _answers(home: Home, run: LocalAwsRun) -> bool:
    """True if the run is healthy, at once or when it has done what it is busy with; false if it has ended.

    Raises:
        LocalAwsError: it runs and does not answer, or its files are gone.
    """
    deadline = time.monotonic() + _BUSY_SECONDS
    while not run.healthy():
        if all(process.pid != run.supervisor for process in processes(run)):
            return False
        if not home.scratch.exists():
            raise LocalAwsError(f"local AWS runs already, and {home.scratch} is gone: `make down`, then start it again")
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


def _server_environment(home: Home, run_id: str, port: int, region: str, time_factor: float) -> dict[str, str]:
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
        AWS_ACCESS_KEY_ID="AKIA" + secrets.token_hex(8).upper(),
        AWS_SECRET_ACCESS_KEY=secrets.token_urlsafe(30),
        TMPDIR=str(home.scratch),
        **{HOME: str(home.root), clock.VARIABLE: f"{time_factor:g}"},
        PYTHONUNBUFFERED="1",
    )


def _listen(port: int) -> socket.socket:
    """Open the socket that the server inherits; it listens from now on, so that no other process takes the port.

    Raises:
        LocalAwsError: the port is taken, or kept for the administrator.
    """
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen()
    except OSError as error:
        listening.close()
        kept = error.errno == errno.EACCES
        why = "is kept for the administrator" if kept else f"is taken ({error.strerror}). End the process that uses it"
        raise LocalAwsError(
            f"port {port} {why}, or choose another port: `make local PORT={DEFAULT_PORT if kept else port + 1}`"
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
    if shutil.disk_usage(home.root).free < _MIN_FREE_BYTES:
        raise LocalAwsError(f"{home.root}: No space left on device. Make room, then start it again")
    tail = "\n".join(home.log_file.read_text().splitlines()[-15:])
    raise LocalAwsError(f"local AWS did not start; the last lines of {home.log_file}:\n{tail}")
