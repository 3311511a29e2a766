"""Two local AWS: one that gives the usual answer to every doubt, and one that gives the other (docs/doubts.md)."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from local_aws import clock
from local_aws.home import Home, read_env
from local_aws.lifecycle import down, up
from tests.local_aws.conftest import Client, clients, make_role, runs


@dataclass(frozen=True)
class Answering:
    """A local AWS. `other` is true if it gives the other answer to every doubt."""

    client: Client
    other: bool

    def train(self, program: str = "print('trained')", **changes: Any) -> str:
        """Start a training job of the program; returns its name."""
        name = f"job-{secrets.token_hex(4)}"
        self.client("sagemaker").create_training_job(
            **{
                "TrainingJobName": name,
                "RoleArn": self._role(),
                "AlgorithmSpecification": {
                    "TrainingImage": "registry/pytorch:2.13",
                    "TrainingInputMode": "File",
                    **runs(program),
                },
                "OutputDataConfig": {"S3OutputPath": f"s3://{self.bucket()}/jobs/"},
                "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
                "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            }
            | changes
        )
        return name

    def bucket(self) -> str:
        self.client("s3").create_bucket(Bucket="doubtful")
        return "doubtful"

    def _role(self) -> str:
        everything = {"Action": ["s3:*", "logs:*"], "Resource": "*"}
        return make_role(self.client, f"doubtful-{secrets.token_hex(4)}", "sagemaker.amazonaws.com", everything)


@pytest.fixture(scope="module")
def other_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = Home(tmp_path_factory.mktemp("local"))
    up(home, tied=True, time_factor=clock.DEFAULT, doubt=["all"])
    yield home
    down(home)


@pytest.fixture(params=["usual", "other"])
def aws(request: pytest.FixtureRequest) -> Answering:
    """Each of the two in turn."""
    other = request.param == "other"
    home: Home = request.getfixturevalue("other_home" if other else "home")
    return Answering(clients(read_env(home.env_file)), other)
