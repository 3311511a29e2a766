"""A machine boots in any folder; one that cannot boot reports the reason and ends."""

import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_aws.ec2 import machine as module
from local_aws.ec2.machine import Machine, _Forwarder
from local_aws.ec2.memory import Memory
from local_aws.ec2.metadata import MetadataServer

Make = Callable[[Path], Machine]


@pytest.fixture
def ended() -> list[str]:
    return []


@pytest.fixture
def make(tmp_path: Path, ended: list[str]) -> Iterator[Make]:
    made: list[Machine] = []

    def machine(folder: Path) -> Machine:
        certificate = tmp_path / "certificate"
        certificate.touch()
        made.append(
            Machine(
                folder,
                instance_type="t2.micro",
                user_data=b"#!/bin/bash\n",
                metadata=MetadataServer({}, "", dict),
                environment={},
                certificate=certificate,
                port=4566,
                ended=lambda: ended.append("ended"),
            )
        )
        return made[-1]

    yield machine
    for each in made:
        each.stop(skip_shutdown=True)
        each.remove()


def test_it_boots_in_a_folder_whose_path_is_too_long_for_a_socket(make: Make, tmp_path: Path, ended: list[str]) -> None:
    machine = make(tmp_path / ("x" * 108))
    machine.boot()
    assert machine.running
    assert (machine.failure, ended) == ("", [])


def test_one_whose_sandbox_ends_at_once_is_ended(
    make: Make, tmp_path: Path, ended: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = make(tmp_path / "instance")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(OSError, match="the sandbox has ended"):
        machine.boot()
    assert ended == ["ended"]
    assert machine.boot_attempted.is_set()
    assert not machine.running


def test_one_whose_memory_cannot_be_limited_is_ended(
    make: Make, tmp_path: Path, ended: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "limited", lambda *_: Memory(1 << 30, "nothing", group=tmp_path / "missing"))
    machine = make(tmp_path / "instance")
    with pytest.raises(OSError, match="preexec_fn"):
        machine.boot()
    assert ended == ["ended"]
    assert machine.failure


def test_a_connection_to_aws_that_fails_is_not_the_last_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as aws:
        aws.bind(("127.0.0.1", 0))
        forwarder = _Forwarder(listening, aws.getsockname()[1])
        try:
            with socket.create_connection(listening.getsockname(), timeout=60) as refused:
                assert refused.recv(1) == b""
            aws.listen()
            aws.settimeout(60)
            with socket.create_connection(listening.getsockname(), timeout=60) as taken:
                taken.sendall(b"x")
                answering, _ = aws.accept()
                with answering:
                    assert answering.recv(1) == b"x"
        finally:
            forwarder.close()
