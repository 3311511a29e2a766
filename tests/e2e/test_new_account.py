"""The first deploy in a new account ends before anything is created, and works once its requests are granted."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from aws.service_linked_roles import NAMES
from local_aws.home import ACCOUNT, NEW, Home, read_env
from local_aws.lifecycle import down, up
from tools.cdk import ROOT
from training.folder import Folder

from .conftest import QUICK, image_of

pytestmark = pytest.mark.e2e

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    home = Home(tmp_path_factory.mktemp("new"))
    up(home, tied=True, account=NEW)
    yield {**os.environ, **read_env(home.env_file)}
    down(home)


@pytest.fixture(scope="module")
def client(environment: dict[str, str]) -> Callable[[str], Any]:
    session = boto3.session.Session(
        environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"], region_name=environment["AWS_REGION"]
    )
    place = {"endpoint_url": environment["AWS_ENDPOINT_URL"], "verify": environment["AWS_CA_BUNDLE"]}
    return lambda service: session.client(service, **place)


@pytest.fixture(scope="module")
def run(environment: dict[str, str]) -> Run:
    """Runs a tool with the settings of these tests."""

    def tool(
        name: str, *arguments: str, environment: dict[str, str] = environment
    ) -> "subprocess.CompletedProcess[str]":
        settings = " ".join(f"{setting}={value}" for setting, value in QUICK.items())
        return subprocess.run(
            [sys.executable, "-m", name, *arguments, "--settings", settings],
            cwd=ROOT, env=environment, capture_output=True, text=True,
        )  # fmt: skip

    return tool


def test_it_ends_before_anything_is_created_and_its_requests_make_it_ready(
    run: Run, client: Callable[[str], Any], digits: Folder
) -> None:
    refused = run("tools.deploy", "--data", str(digits.root))
    assert (refused.returncode, refused.stderr.count("error: ")) == (1, 1), refused.stderr
    wrong = [line for line in refused.stdout.splitlines() if line.startswith("wrong")]
    training, endpoint, function = wrong
    assert "ml.m5.xlarge for training job usage is 0, needed: 1 " in training
    assert "ml.m5.large for endpoint usage is 0, needed: 2 " in endpoint
    assert "lambda_reserved_concurrency = 10: of the 10 concurrent executions" in function
    assert client("cloudformation").describe_stacks()["Stacks"] == []
    assert client("s3").list_buckets()["Buckets"] == []
    assert client("iam").list_roles()["Roles"] == []

    for line in wrong:
        words = shlex.split(line[line.index("aws service-quotas request-service-quota-increase") :])
        options = dict(zip(words[3::2], words[4::2], strict=True))
        client("service-quotas").request_service_quota_increase(
            ServiceCode=options["--service-code"],
            QuotaCode=options["--quota-code"],
            DesiredValue=float(options["--desired-value"]),
        )

    ready = run("tools.deploy.preflight", "--json")
    assert ready.returncode == 0, ready.stdout
    assert {finding["state"] for finding in json.loads(ready.stdout)} == {"right"}


def test_the_role_for_github_actions_may_ask_all_that_is_checked(
    run: Run, client: Callable[[str], Any], environment: dict[str, str]
) -> None:
    """The policy in docs/deploying.md. Runs after the requests were granted."""
    text = (ROOT / "docs" / "deploying.md").read_text()
    [policy] = [block for block in re.findall(r"```json\n(.*?)```", text, re.S) if "budgets:ViewBudget" in block]
    principal = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [principal]})
    arn = client("iam").create_role(RoleName="github", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    client("iam").put_role_policy(RoleName="github", PolicyName="p", PolicyDocument=policy.replace("ACCOUNT", ACCOUNT))
    session = client("sts").assume_role(RoleArn=arn, RoleSessionName="run")["Credentials"]
    as_role = environment | {
        "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
        "AWS_SESSION_TOKEN": session["SessionToken"],
    }

    found = json.loads(run("tools.deploy.preflight", "--json", environment=as_role).stdout)

    assert [finding for finding in found if finding["state"] != "right"] == []


@pytest.mark.long  # a whole deploy
def test_the_same_command_then_deploys_and_says_what_it_made(
    run: Run, client: Callable[[str], Any], digits: Folder, environment: dict[str, str], tmp_path: Path
) -> None:
    deployed = run("tools.deploy", "--data", str(digits.root))
    assert deployed.returncode == 0, deployed.stderr
    said = deployed.stdout.splitlines()
    assert "made the CDK's bootstrap" in said
    for name in NAMES.values():
        assert f"made the service-linked role {name}" in said
    [function] = [f for f in client("lambda").list_functions()["Functions"] if f["FunctionName"] == "e2e-dev-classify"]
    kept = client("lambda").get_provisioned_concurrency_config(FunctionName=function["FunctionName"], Qualifier="live")
    assert kept["Status"] == "READY"
    assert len(said) <= 60
    assert [line.split()[0] for line in said[-4:]] == ["Live:", "Try:", "Stop:", "Report:"]
    assert not any("Export" in line for line in said)

    kept_settings = environment | {"SLIPWAY_STAGES": str(tmp_path)}
    again = run("tools.deploy", "--data", str(digits.root), environment=kept_settings)
    assert again.returncode == 0, again.stderr
    said = [line for line in again.stdout.splitlines() if "commit it" not in line]  # only a folder that lacks the file
    assert len(said) <= 12, again.stdout
    assert [line.split()[1:] for line in again.stdout.splitlines() if " = " in line] == [
        ["=", f"e2e-dev-{suffix}:", "unchanged"]
        for suffix in ("storage", "roles", "trained-model", "serving", "operations")
    ]


@pytest.mark.long
def test_then_one_command_classifies_an_image(run: Run, digits: Folder) -> None:
    answered = run("tools.classify", str(image_of(digits, "3")), "--json")
    assert answered.returncode == 0, answered.stderr
    answer = json.loads(answered.stdout)
    assert {prediction["label"] for prediction in answer["predictions"]} <= set(digits.classes)
    refused = run("tools.classify", "s3://elsewhere/cat.jpg")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "its folder is s3://e2e-dev-" in refused.stderr
