"""No process started by local AWS outlives it, however it ends."""

import contextlib
import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local_aws import lifecycle
from local_aws.home import Home, read_env
from local_aws.lifecycle import down, up
from local_aws.running import LocalAwsError, LocalAwsRun, current, homes, processes, run_ids
from tests.sockets import listening_addresses
from tests.waiting import until_nothing_is_left_of


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Home]:
    """Home folder of a local AWS that this test may kill."""
    home = Home(tmp_path / "local")
    yield home
    down(home)


def start_with_a_sleeping_child(home: Home) -> LocalAwsRun:
    """Start a run with a process that has left its parent's session, as daemons do."""
    run = up(home)
    subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"],
        env={**os.environ, "SLIPWAY_LOCAL_AWS_RUN": run.run_id},
        start_new_session=True,
    )
    assert len(processes(run)) >= 3
    return run


def test_down_leaves_no_process_and_no_file_but_the_records(own: Home) -> None:
    run = start_with_a_sleeping_child(own)

    down(own)

    until_nothing_is_left_of(run)
    assert sorted(path.name for path in own.root.iterdir()) == ["calls.jsonl", "server.log"]


def test_one_that_runs_keeps_port_region_and_time_factor_and_says_so(own: Home) -> None:
    run = up(own, region="eu-west-1", time_factor=12)

    variables = read_env(own.env_file)
    assert (variables["AWS_REGION"], variables["SLIPWAY_TIME_FACTOR"]) == ("eu-west-1", "12")
    assert up(own, default_port=1) == up(own, run.port, "eu-west-1", time_factor=12) == run
    with pytest.raises(LocalAwsError, match=f"runs already, at port {run.port}: `make down`"):
        up(own, run.port + 1)
    with pytest.raises(LocalAwsError, match="runs already, in region eu-west-1"):
        up(own, region="us-east-1")
    with pytest.raises(LocalAwsError, match="runs already, with the time factor 12"):
        up(own, time_factor=2)


@pytest.mark.parametrize("record", [None, ""], ids=["lost", "empty"])
def test_one_whose_record_is_lost_or_damaged_is_kept_until_down_ends_it(own: Home, record: str | None) -> None:
    run = start_with_a_sleeping_child(own)
    if record is None:
        shutil.rmtree(own.root)
    else:
        own.run_file.write_text(record)

    for look in (lambda: up(own), lambda: current(own)):
        with pytest.raises(LocalAwsError, match=r"run\.json (is gone|cannot be read).*`make down`"):
            look()
    assert homes(own) == [own]
    assert down(own) >= 3

    until_nothing_is_left_of(run)
    assert current(own) is None


@pytest.mark.parametrize("record", ["", '{"run_id": "', '{"run": 1}', "[]", "\x00"])
def test_a_damaged_record_of_one_that_has_ended_goes_with_down(own: Home, record: str) -> None:
    own.root.mkdir()
    own.run_file.write_text(record)
    with pytest.raises(LocalAwsError, match=r"cannot be read.*`make down`"):
        current(own)
    assert homes(own) == [own]
    assert down(own) == 0
    assert (homes(own), current(own)) == ([], None)


def test_files_for_its_clients_that_are_lost_or_damaged_come_back(own: Home) -> None:
    up(own)
    before = own.env_file.read_text()
    own.env_file.write_text("")

    up(own)

    assert own.env_file.read_text() == before


def test_one_whose_scratch_folder_is_gone_says_so_at_once(own: Home) -> None:
    up(own)
    shutil.rmtree(own.scratch)
    with pytest.raises(LocalAwsError, match=r"runs already, and .*scratch is gone: `make down`"):
        up(own)


def test_two_clones_have_one_each(own: Home, tmp_path: Path) -> None:
    mine, other = up(own), Home(tmp_path / "other")
    with pytest.raises(LocalAwsError, match=rf"port {mine.port} is taken.*make local PORT={mine.port + 1}"):
        up(other, default_port=mine.port)
    theirs = up(other)
    down(other)
    until_nothing_is_left_of(theirs)
    assert mine.healthy()


@pytest.mark.parametrize("step", ["write_private", "_start_supervisor", "write_client_files"])
def test_a_disk_that_is_full_as_it_starts_leaves_nothing_behind(
    own: Home, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(own.root))

    monkeypatch.setattr(lifecycle, step, full)
    with pytest.raises(OSError, match="No space left on device"):
        up(own)
    assert run_ids(own) == set()
    assert {path.name for path in own.root.iterdir()} <= {"calls.jsonl", "server.log"}
    monkeypatch.undo()
    assert up(own).healthy()


def test_one_that_runs_keeps_its_answers_to_doubts_and_says_so(own: Home) -> None:
    run = up(own, doubt=["metrics-late"])

    assert up(own) == up(own, doubt=["metrics-late"]) == run
    with pytest.raises(LocalAwsError, match="runs already, with the doubts metrics-late"):
        up(own, doubt=["all"])


@pytest.mark.parametrize("victim", ["supervisor", "server"])
def test_a_kill_of_either_process_ends_all(own: Home, victim: str) -> None:
    run = start_with_a_sleeping_child(own)
    names = {process.pid: process.cmdline() for process in processes(run)}
    [pid] = [pid for pid, command in names.items() if f"local_aws.{victim}" in command]

    os.kill(pid, signal.SIGKILL)

    until_nothing_is_left_of(run)


def test_tied_it_ends_with_its_starter(own: Home) -> None:
    program = f"""
import pathlib, time
from local_aws.home import Home
from local_aws.lifecycle import up
up(Home(pathlib.Path({str(own.root)!r})), tied=True)
print("up", flush=True)
time.sleep(600)
"""
    starter = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    assert starter.stdout.readline() == "up\n"
    run = current(own)
    assert run is not None
    assert run.healthy()

    starter.kill()

    until_nothing_is_left_of(run)


def test_up_again_after_a_kill_starts_afresh(own: Home) -> None:
    first = up(own)
    os.kill(first.supervisor, signal.SIGKILL)
    until_nothing_is_left_of(first)

    second = up(own)

    assert second.run_id != first.run_id
    assert second.healthy()


def test_up_twice_is_one_local_aws(own: Home) -> None:
    assert up(own) == up(own)


@pytest.mark.long
def test_up_never_ends_one_that_is_busy(own: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    run = up(own)
    [server] = [process for process in processes(run) if "local_aws.server" in process.cmdline()]
    monkeypatch.setattr(lifecycle, "_BUSY_SECONDS", 0)
    server.suspend()
    with pytest.raises(LocalAwsError, match=r"runs already.* too busy to answer.*make down"):
        up(own)
    monkeypatch.undo()
    threading.Timer(1, server.resume).start()
    assert up(own) == run


def test_nobody_else_can_read_its_files(own: Home) -> None:
    own.root.mkdir()
    own.calls.write_text("")  # of an older version, for all to read
    up(own)
    files = [own.calls, own.env_file, own.log_file, own.run_file, own.scratch]
    assert [file.name for file in files if file.stat().st_mode & 0o077] == []


def test_a_taken_port_is_named_with_the_way_out(own: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LocalAwsError, match=rf"port {port} is taken.*make local PORT={port + 1}"):
            up(own, port)
    assert current(own) is None


def test_the_environment_file_is_private_and_works_when_sourced(own: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "intranet")
    up(own)
    assert read_env(own.env_file)["no_proxy"] == "127.0.0.1,localhost,intranet"

    assert own.env_file.stat().st_mode & 0o077 == 0
    program = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
    shell = f'. {own.env_file} && {sys.executable} -c "{program}"'
    answer = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "000000000000"


def test_the_server_listens_on_loopback_only(own: Home) -> None:
    run = up(own)

    assert listening_addresses(run) == {"127.0.0.1"}


def test_the_caller_s_own_credentials_do_not_reach_it(own: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "secret")

    run = up(own)

    for process in processes(run):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & set(process.environ())


def test_a_server_whose_certificate_is_half_written_is_not_healthy_yet(tmp_path: Path) -> None:
    certificate = tmp_path / "server.crt"
    certificate.write_text("-----BEGIN CERT")
    assert not LocalAwsRun("run", 1, "https://127.0.0.1:1", str(certificate)).healthy()
