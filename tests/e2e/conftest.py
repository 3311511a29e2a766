"""A deployed system: every stack on a local AWS of its own, with the digits, trained briefly."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import boto3
import pytest

from aws.log_groups import TRAINING_JOBS
from local_aws.home import Home, read_env
from local_aws.lifecycle import down, up
from settings import read_settings
from settings.names import RoleSuffix, StackSuffix, role_name
from tools.assembly import SynthesizedApp, synthesize
from tools.classify_client import ClassifyClient
from tools.dataset.digits import write
from tools.demo import evidence
from tools.demo.jobs import Job, jobs
from tools.deploy.preflight.bootstrap import bootstrap
from tools.deploy.preflight.scaling_roles import make_scaling_roles
from tools.deploy.preflight.target import Target
from tools.deploy.stacks import deploy, deploy_everything
from tools.preflight import require_aws
from tools.stack import outputs
from training.folder import Folder, digest, inspect

# Few passes over few images: these tests are about the system. tests/training has int8, the demo has the accuracy.
QUICK = {
    "app": "e2e", "architecture": "resnet10", "image_size": "32", "epochs": "3", "batch_size": "16",
    "learning_rate": "0.005", "trainable": "all", "accuracy_floor": "0.2", "export_int8": "never",
    "augment": "shift",
}  # fmt: skip
IMAGES_PER_CLASS = {"train": 10, "valid": 3, "test": 4}


@dataclass(frozen=True)
class System:
    """A deployed system, as its user has it."""

    images: Folder
    settings: dict[str, str]

    def synthesize(self, **changes: str) -> SynthesizedApp:
        return _synthesized(tuple(sorted({**self.settings, **changes}.items())))

    def deploy(self, *stacks: StackSuffix, **changes: str) -> None:
        """Deploys these stacks and those that they need; all when none is named."""
        deploy(self.synthesize(**changes), *stacks, say=lambda _: None)

    def jobs(self) -> list[Job]:
        return jobs("e2e-dev-")

    def log(self, job: Job) -> str:
        """Output of the job's program."""
        logs = boto3.client("logs")
        events = [
            event
            for stream in job.log_streams
            for event in logs.get_log_events(logGroupName=TRAINING_JOBS, logStreamName=stream, startFromHead=True)[
                "events"
            ]
        ]
        return "\n".join(event["message"] for event in events)

    def classifier(self) -> ClassifyClient:
        return ClassifyClient(outputs("e2e-dev-serving")["FunctionName"])

    def endpoint(self) -> dict[str, str]:
        name = outputs("e2e-dev-serving")["EndpointName"]
        described: dict[str, str] = boto3.client("sagemaker").describe_endpoint(EndpointName=name)
        return {key: value for key, value in described.items() if key != "ResponseMetadata"}

    def events(self, suffix: str) -> list[str]:
        """The reasons in a stack's events, newest first."""
        events = boto3.client("cloudformation").describe_stack_events(StackName=f"e2e-dev-{suffix}")["StackEvents"]
        return [event.get("ResourceStatusReason", "") for event in events]


@cache
def _synthesized(settings: tuple[tuple[str, str], ...]) -> SynthesizedApp:
    """The same settings make the same templates (tests/stacks/test_app.py), and each time takes seconds."""
    return synthesize(dict(settings))


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A few real images of each class: every image is one upload, and one download a job."""
    folder = tmp_path_factory.mktemp("images") / "digits"
    write(folder)
    for split, count in IMAGES_PER_CLASS.items():
        for label in (folder / split).iterdir():
            for image in sorted(label.iterdir())[count:]:
                image.unlink()
    return inspect(folder)


@pytest.fixture(scope="module")
def doubt() -> list[str]:
    """Doubts to which the module's local AWS gives the other answer; a module may override it."""
    return []


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory, doubt: list[str]) -> Iterator[Home]:
    """A bootstrapped local AWS that this process's environment names."""
    home = Home(tmp_path_factory.mktemp("local"))
    before = dict(os.environ)
    up(home, tied=True, doubt=doubt)
    os.environ.update(read_env(home.env_file), NODE_OPTIONS=f"--require={Path(__file__).with_name('poll_often.cjs')}")
    boto3.DEFAULT_SESSION = None  # it keeps the credentials it was made with
    bootstrap(*require_aws())
    yield home
    os.environ.clear()
    os.environ.update(before)
    down(home)


@pytest.fixture(scope="module")
def system(aws: Home, digits: Folder) -> System:
    system = System(digits, {**QUICK, "dataset": digest(digits)})
    target = Target(read_settings(system.settings), *require_aws(), system.synthesize)
    make_scaling_roles(target, say=print)  # as `make deploy` does
    deploy_everything(system.synthesize(), digits, layout="files", say=lambda _: None)
    return system


def image_of(images: Folder, label: str) -> Path:
    """A test image of the class."""
    return next(path for path in images.splits["test"].files if path.parent.name == label)


def unproven(run: str, assembly: SynthesizedApp, aws: Home, suffix: RoleSuffix) -> list[str]:
    """Findings of the IAM contract about this run's calls by a role: denied, missing in it, or in it for nothing."""
    done = evidence.gather(run, assembly.folder, aws.calls, "us-east-1")
    found = evidence.prove(assembly.folder, done, aws.scratch / "iam-trace.json")
    role = role_name("e2e-dev", suffix, "us-east-1")
    return [f"{each.rule}: {each.message}" for each in found if each.role == role]
