"""A deploy that cannot work says so before anything is built."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_cdk.assertions import Template
from botocore.stub import Stubber

from local_aws.ports import free_port
from tests.stacks.conftest import templates  # noqa: F401 (a fixture: the synthesized app)
from tests.waiting import LIMIT_SECONDS
from tools import cdk
from tools.preflight import NotReady, nobody_listens, require_concurrency


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
        "start the local AWS with `make local`, then `. .local/aws.env`\n"
    )


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


def serving(*, reserved: int, provisioned: int) -> dict[str, Any]:
    """The serving stack's template, as far as it is looked at; 0 is not in it."""
    kept = {"ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": provisioned}} if provisioned else {}
    own = {"ReservedConcurrentExecutions": reserved} if reserved else {}
    return {
        "Resources": {
            "Function": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "f", **own}},
            "Live": {"Type": "AWS::Lambda::Alias", "Properties": kept},
        }
    }


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes Lambda answer for an account; `own` is what the function has reserved, None where there is none yet."""

    def answer(quota: int, unreserved: int, own: int | None) -> None:
        client = boto3.client("lambda", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
        stub = Stubber(client)
        limit = {"ConcurrentExecutions": quota, "UnreservedConcurrentExecutions": unreserved}
        stub.add_response("get_account_settings", {"AccountLimit": limit})
        if own is None:
            stub.add_client_error("get_function_concurrency", "ResourceNotFoundException")
        else:
            stub.add_response("get_function_concurrency", {"ReservedConcurrentExecutions": own} if own else {})
        stub.activate()
        monkeypatch.setattr(boto3, "client", lambda _: client)

    return answer


@pytest.mark.parametrize(
    ("quota", "unreserved", "own", "wanted", "room"),
    [
        (50, 50, None, 1, 0),
        (1000, 105, None, 10, 5),  # others have reserved the rest
        (1000, 105, 10, 16, 15),
        (1000, 90, None, 1, 0),
    ],
)
def test_a_reservation_that_the_account_has_no_room_for_is_refused(
    account: Callable[..., None], quota: int, unreserved: int, own: int | None, wanted: int, room: int
) -> None:
    account(quota, unreserved, own)
    with pytest.raises(NotReady, match=rf"_reserved_concurrency = {wanted}: of the {quota} .* {room} are left"):
        require_concurrency(serving(reserved=wanted, provisioned=1))


@pytest.mark.parametrize(
    ("reserved", "setting"), [(10, "lambda_reserved_concurrency = 10"), (0, "lambda_provisioned_concurrency = 1")]
)
def test_in_a_new_account_it_says_with_which_settings_the_deploy_works(
    account: Callable[..., None], reserved: int, setting: str
) -> None:
    account(10, 10, None)
    with pytest.raises(NotReady, match=setting + ".*lambda_reserved_concurrency=0 lambda_provisioned_concurrency=0"):
        require_concurrency(serving(reserved=reserved, provisioned=1))
    require_concurrency(serving(reserved=0, provisioned=0))


@pytest.mark.parametrize(
    ("unreserved", "own", "wanted"),
    [(1000, None, 10), (110, None, 10), (100, 10, 10), (90, 10, 10)],
    ids=["plenty", "just enough", "its own", "its own, in an account that has too little"],
)
def test_a_reservation_that_fits_or_is_there_is_taken(
    account: Callable[..., None], unreserved: int, own: int | None, wanted: int
) -> None:
    account(1000, unreserved, own)
    require_concurrency(serving(reserved=wanted, provisioned=1))


def test_what_is_looked_at_is_in_the_template(
    account: Callable[..., None],
    templates: dict[str, Template],  # noqa: F811
) -> None:
    account(10, 10, None)
    with pytest.raises(NotReady, match="lambda_reserved_concurrency = 10"):
        require_concurrency(templates["serving"].to_json())
