"""A deploy that cannot work says so before anything is built."""

import os
import re
import socket
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest

from local_aws.ports import free_port
from tests.waiting import LIMIT_SECONDS
from tools import cdk
from tools.preflight import NotReady, nobody_listens, require_answer, require_aws


def run_deploy(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(
        [sys.executable, "-m", "tools.deploy", *arguments],
        cwd=cdk.ROOT,
        env={**inherited, "AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent", **variables},
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
    )


def test_without_the_local_aws_up_it_says_how_to_start_it() -> None:
    endpoint = f"https://127.0.0.1:{free_port()}"

    outcome = run_deploy(AWS_ENDPOINT_URL=endpoint, AWS_REGION="us-east-1")

    assert outcome.returncode == 1
    assert outcome.stderr == (
        f"error: nothing answers at {endpoint} (AWS_ENDPOINT_URL): "
        "start the local AWS with `make local`, then `. .local/aws.env`; "
        "for an account, open a new shell, without the variables of .local/aws.env\n"
    )


@pytest.mark.parametrize("address", ["foo", "http://localhost:abc", "http://[::1"])
def test_an_address_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    with pytest.raises(NotReady, match=f"nothing answers at {re.escape(address)}"):
        require_answer()


def test_a_server_of_another_protocol_is_no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1)
                connection.sendall(b"220 mail ready\r\n")

        thread = Thread(target=greet)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(NotReady, match="nothing answers at"):
            require_answer()
        thread.join()


def test_region_and_profile_are_those_that_the_cdk_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 takes AWS_DEFAULT_REGION and AWS_DEFAULT_PROFILE, the CDK's command line AWS_REGION and AWS_PROFILE."""
    given = {"AWS_REGION": "eu-west-1", "AWS_PROFILE": "mine"}
    others = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_DEFAULT_PROFILE": "theirs"}
    for name, value in (given | others).items():
        monkeypatch.setenv(name, value)
    client = SimpleNamespace(get_caller_identity=lambda: {"Account": "1"})
    session = SimpleNamespace(region_name="eu-west-1", client=lambda _: client)
    monkeypatch.setattr("boto3.session.Session", lambda: session)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    require_aws()
    assert [os.environ[name] for name in others] == list(given.values())


def test_the_local_aws_is_asked_without_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:  # answers 501
        thread = Thread(target=server.handle_request)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        require_answer()
        thread.join()


def test_an_endpoint_is_gone_once_nobody_listens_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes connections, and may be long in answering
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://127.0.0.1:{server.getsockname()[1]}")
        assert not nobody_listens()
    assert nobody_listens()


def test_aws_itself_is_never_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert not nobody_listens()


def test_a_cdk_command_that_has_become_hopeless_is_ended() -> None:
    with pytest.raises(cdk.CdkFailed):
        cdk.run("synth", "--quiet", on_line=lambda _: None, should_abort=lambda: True)


def test_without_credentials_it_says_how_to_get_some() -> None:
    outcome = run_deploy(AWS_REGION="us-east-1")

    assert outcome.returncode == 1
    assert outcome.stderr.count("\n") == 1
    assert "Sign in (aws sso login), or start the local AWS" in outcome.stderr


def test_without_a_region_it_asks_for_one() -> None:
    outcome = run_deploy(AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b")

    assert outcome.returncode == 1
    assert "set AWS_REGION" in outcome.stderr


def test_the_cdk_s_failure_carries_every_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(cdk.CdkFailed) as failure:
        cdk.run(
            "synth", "--quiet", "--output", str(tmp_path), context={"epochs": "0", "epoch": "3"}, on_line=lambda _: None
        )

    assert "epochs" in str(failure.value)
    assert "did you mean" in str(failure.value).lower()
