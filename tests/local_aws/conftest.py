"""Fixtures: one local AWS for all tests, on its own port and in its own folder."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local_aws import clock
from local_aws.home import Home, read_env
from local_aws.lifecycle import down, up
from tests.stacks.conftest import templates  # noqa: F401 (a fixture: the synthesized app)
from tests.waiting import LIMIT_SECONDS, until


@pytest.fixture(autouse=True)
def _aws_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the time factor 1 in the test's own process."""
    monkeypatch.setenv(clock.VARIABLE, "1")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = Home(tmp_path_factory.mktemp("local"))
    up(home, tied=True, time_factor=clock.DEFAULT)
    yield home
    down(home)


Client = Callable[..., Any]


def clients(variables: dict[str, str], **credentials: str) -> Client:
    """Factory of boto3 clients for the local AWS whose aws.env holds `variables`."""

    @cache  # creating a client takes longer than most calls
    def make(service: str, region: str = variables["AWS_REGION"]) -> Any:
        keys = credentials or {
            "aws_access_key_id": variables["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": variables["AWS_SECRET_ACCESS_KEY"],
        }
        return boto3.session.Session().client(
            service,
            region_name=region,
            endpoint_url=variables["AWS_ENDPOINT_URL"],
            verify=variables["AWS_CA_BUNDLE"],
            config=Config(read_timeout=LIMIT_SECONDS, retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
            **keys,
        )

    return make


@pytest.fixture(scope="session")
def client(home: Home) -> Client:
    """Clients with the administrator's credentials."""
    return clients(read_env(home.env_file))


def make_role(client: Client, name: str, service: str, *statements: dict[str, Any]) -> str:
    """Create a role that `service` may assume, with a policy of `statements`; returns its ARN."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    }
    role = client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    if statements:
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **s} for s in statements]}
        client("iam").put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    return str(role["Role"]["Arn"])


def assume(client: Client, home: Home, role: str) -> Client:
    """Factory of clients with the role's credentials; its trust policy is changed so that the test can assume it."""
    known = client("iam").get_role(RoleName=role)["Role"]
    trust = known["AssumeRolePolicyDocument"]
    trust["Statement"].append({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"})
    client("iam").update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))
    session = client("sts").assume_role(RoleArn=known["Arn"], RoleSessionName="probe")["Credentials"]
    return clients(
        read_env(home.env_file),
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )


def wait_for_stack(client: Client, name: str) -> str:
    """Wait for the stack's operation to end; returns the stack's status."""

    def over() -> str:
        status = str(client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
        return status if status.endswith(("_COMPLETE", "_FAILED")) else ""

    return until(over)


def ended(client: Client, job: str) -> dict[str, Any]:
    """Return the training job's description once it has ended."""

    def over() -> dict[str, Any]:
        described: dict[str, Any] = client("sagemaker").describe_training_job(TrainingJobName=job)
        return described if described["TrainingJobStatus"] in ("Completed", "Failed", "Stopped") else {}

    return until(over)


@pytest.fixture(scope="session")
def bucket(client: Client) -> str:
    client("s3").create_bucket(Bucket="workshop")
    return "workshop"


@pytest.fixture(scope="session")
def training_role(client: Client, bucket: str) -> str:
    return make_role(
        client,
        "trainer",
        "sagemaker.amazonaws.com",
        {"Action": ["s3:GetObject", "s3:ListBucket", "s3:PutObject"], "Resource": "*"},
        {"Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"},
    )


@pytest.fixture
def data(client: Client, bucket: str, tmp_path: Path) -> str:
    """S3 prefix with two files under it."""
    prefix = f"data/{tmp_path.name}"
    for name, body in (("a/one.txt", b"1"), ("b/two.txt", b"2")):
        client("s3").put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=body)
    return f"s3://{bucket}/{prefix}/"


def runs(program: str) -> dict[str, list[str]]:
    """The members of an AlgorithmSpecification that run a Python program, in lines: SageMaker takes no line breaks."""
    return {
        "ContainerEntrypoint": ["python3", "-c", "import sys; exec('\\n'.join(sys.argv[1:]))"],
        "ContainerArguments": program.splitlines(),
    }
