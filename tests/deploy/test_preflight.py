"""A deploy that cannot work says so before anything is built."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import cdk
from local_aws.ports import free_port


def run_deploy(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(
        [sys.executable, "-m", "deploy", *arguments],
        cwd=cdk.ROOT,
        env={**inherited, "AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent", **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_without_the_local_aws_up_it_says_how_to_start_it() -> None:
    endpoint = f"https://127.0.0.1:{free_port()}"

    outcome = run_deploy(AWS_ENDPOINT_URL=endpoint, AWS_REGION="us-east-1")

    assert outcome.returncode == 1
    assert outcome.stderr == (
        f"error: nothing answers at {endpoint} (AWS_ENDPOINT_URL): "
        "start the local AWS with `make local`, then `. .local/aws.env`\n"
    )


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
