"""Content of the report. All parts are read from AWS at the same time; one that cannot be read is Absent."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import boto3

from iam.check import check_templates
from iam.contract import PATH, ContractRole
from iam.contract import read as read_contract
from iam.template import read as read_roles
from iam.variables import variables
from settings import Settings, Sources
from settings.names import StackSuffix, resource_name
from settings.text import described
from tools.cost.estimate import Estimate, estimate
from tools.cost.usage import Usage
from tools.deployment import deployment
from tools.load.record import FOLDER
from tools.report.absent import Absent, Missing, found_or_absent
from tools.report.endpoint import FunctionAnswer, ServingEndpoint, ask_function, read_endpoint
from tools.report.load import LoadTest, load_tests
from tools.report.stacks import DeployedStack, read_stacks
from tools.report.training import ReportedJob, TrainingOutput, job_of, read_job, read_output
from tools.stack import NotDeployed

_SERVICES = ("cloudformation", "s3", "sagemaker")
T = TypeVar("T")


@dataclass(frozen=True)
class Permissions:
    """Roles of the contract as they are in this deployment, and what the gate finds in the deployed templates."""

    roles: tuple[ContractRole, ...]
    findings: tuple[str, ...]


@dataclass(frozen=True)
class ChangedSetting:
    """A setting that is not the default."""

    name: str
    value: Any
    default: Any
    about: str


@dataclass(frozen=True)
class ReportContent:
    """All that the report shows. `words` name this deployment to a make target: `make load{words}`."""

    settings: Settings
    account: str
    region: str
    words: str
    made: datetime
    stacks: Mapping[StackSuffix, DeployedStack]
    changed: tuple[ChangedSetting, ...]
    endpoint: ServingEndpoint | Absent
    answer: FunctionAnswer | Absent
    job: ReportedJob | Absent
    training: TrainingOutput | Absent
    load: list[LoadTest] | Absent
    cost: Estimate | Absent
    permissions: Permissions | Absent
    digest: str


def read_content(settings: Settings, account: str, region: str) -> ReportContent:
    """Read all parts.

    Raises:
        NotDeployed: there is no stack of this deployment.
        ClientError: CloudFormation refused.
    """
    words = deployment(settings)
    # Made here: clients are shared between threads, and must not be made in several at once.
    cloudformation, s3, sagemaker = (boto3.client(service) for service in _SERVICES)  # type: ignore[call-overload]
    with ThreadPoolExecutor() as pool:
        stacks = read_stacks(cloudformation, settings.prefix, pool)
        if not stacks:
            name = resource_name(settings.prefix, "serving")
            raise NotDeployed(f"no stack {name} in this account and region: run make deploy{words} first")
        made_by = f"make deploy{words}"
        digest = _outputs(stacks, "trained-model").get("ModelDigest", "")
        serving = _outputs(stacks, "serving")
        templates = {stack.name: dict(stack.template) for stack in stacks.values()}
        endpoint = _start(pool, lambda: read_endpoint(sagemaker, _deployed(stacks, "serving", made_by), words))
        answer = _start(pool, lambda: ask_function(_deployed(stacks, "serving", made_by), settings))
        job_name = _start(pool, lambda: _job(s3, stacks, made_by))
        cost = _start(pool, lambda: estimate(templates, Usage(), region))
        permissions = _start(pool, lambda: _permissions(templates))
        load = _start(pool, lambda: load_tests(FOLDER, serving.get("EndpointName", ""), words))
        job = _start(pool, lambda: read_job(sagemaker, _required(job_name.result())))
        training = _start(
            pool,
            lambda: read_output(
                s3, stacks["storage"].outputs["BucketName"], _required(job_name.result()), _again(settings)
            ),
        )
        return ReportContent(
            settings=settings,
            account=account,
            region=region,
            words=words,
            made=datetime.now(UTC),
            stacks=stacks,
            changed=tuple(_changed(settings)),
            endpoint=endpoint.result(),
            answer=answer.result(),
            job=job.result(),
            training=training.result(),
            load=load.result(),
            cost=cost.result(),
            permissions=permissions.result(),
            digest=digest,
        )


def _start(pool: Executor, read: Callable[[], T]) -> "Future[T | Absent]":
    return pool.submit(found_or_absent, read)


def _outputs(stacks: Mapping[StackSuffix, DeployedStack], suffix: StackSuffix) -> Mapping[str, str]:
    return stacks[suffix].outputs if suffix in stacks else {}


def _deployed(stacks: Mapping[StackSuffix, DeployedStack], suffix: StackSuffix, command: str) -> Mapping[str, str]:
    """Outputs of a stack that must be there."""
    if suffix not in stacks:
        raise Missing(f"the stack {suffix} is not deployed", command)
    return stacks[suffix].outputs


def _job(s3: Any, stacks: Mapping[StackSuffix, DeployedStack], command: str) -> str:
    model, storage = _deployed(stacks, "trained-model", command), _deployed(stacks, "storage", command)
    if "ModelDigest" not in model:
        raise Missing(f"the stack {stacks['trained-model'].name} has made no model", command)
    return job_of(s3, storage["BucketName"], model["ModelDigest"], command)


def _required(name: str | Absent) -> str:
    if isinstance(name, Absent):
        raise Missing(name.why, name.command)
    return name


def _again(settings: Settings) -> str:
    """The command that trains once more: a model that is there is not trained again with the same settings."""
    return f"make deploy{deployment(settings, f'seed={settings.seed + 1}')}"


def _permissions(templates: dict[str, dict[str, Any]]) -> Permissions:
    contract = read_contract(PATH.read_text(), variables(read_roles(templates)))
    return Permissions(tuple(contract.values()), tuple(map(str, check_templates(templates))))


def _changed(settings: Settings) -> list[ChangedSetting]:
    defaults, fields = Sources().defaults(), type(settings).model_fields
    return [
        ChangedSetting(name, value, defaults[name], described(about))
        for name, about in fields.items()
        if (value := getattr(settings, name)) != defaults[name]
    ]
