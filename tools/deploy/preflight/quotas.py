"""SageMaker's quotas: instances of the types that are set, for training, endpoint, scoring and notebook.

Without these, a deploy fails at its first job, or, worse, at the endpoint, after a training that was paid for.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import boto3

from aws.instances import check_exists
from aws.quotas import CODES, Use, instance_quota
from settings import Settings
from tools.deploy.preflight.target import Target, Unknown
from tools.preflight import NotReady

_REQUEST = "aws service-quotas request-service-quota-increase --service-code sagemaker"


@dataclass(frozen=True)
class _Instances:
    """`least` instances of the quota `name`, without which the deploy fails; `full` at full size, or later."""

    name: str
    least: int
    full: int
    why: str


def instances(target: Target) -> str:
    needs = list(_needs(target.settings))
    found = _find({need.name for need in needs})
    wrong, right, missing = [], [], []
    for need in needs:
        if need.name not in found:
            missing.append(f"{target.region} has no quota {need.name}: SageMaker may lack the type there")
            continue
        value, code = found[need.name]["Value"], found[need.name]["QuotaCode"]
        said = f"{need.name} is {value:g}, needed: {need.least} ({need.why})"
        request = f"{_REQUEST} --quota-code {code} --desired-value {need.full}"
        if value < need.least:
            wrong.append(f"{said}: {request}")
        else:
            right.append(said + (f", at full size {need.full}: {request}" if value < need.full else ""))
    if wrong:
        raise NotReady(wrong)
    if missing:
        raise Unknown(missing)
    return "; ".join(right)


def _needs(settings: Settings) -> Iterator[_Instances]:
    jobs = settings.tuning_parallel_jobs if settings.tuning_max_jobs else 1
    count = jobs * settings.training_instance_count
    use: Use = "spot training job" if settings.spot else "training job"
    yield _Instances(instance_quota(settings.training_instance_type, use), count, count, "training")
    if settings.endpoint == "on":
        name = instance_quota(settings.endpoint_instance_type, "endpoint")
        # "Blue/green deployments", SageMaker developer guide: the old instances run until the new ones proved good.
        yield _Instances(
            name, 2 * settings.endpoint_min_instances, 2 * settings.max_instances, "old and new fleet of an update"
        )
    with suppress(ValueError):  # SageMaker runs no processing jobs on some types, such as those of Arm
        kind = check_exists(settings.endpoint_instance_type, "ProcessingInstanceType")
        yield _Instances(instance_quota(kind, "processing job"), 0, 1, "make score")
    if settings.notebook:
        yield _Instances(instance_quota(settings.notebook_instance_type, "notebook instance"), 1, 1, "notebook")


def _find(names: set[str]) -> dict[str, Any]:
    """Quotas by name, all of `names` that exist.

    SageMaker has thousands, in pages of 100, ten a second at most ("Quotas for Service Quotas"): those whose codes are
    known are asked for one by one. "ListServiceQuotas" leaves out quotas that the account has only by default.
    """
    client, found = boto3.client("service-quotas"), dict[str, Any]()
    for name in sorted(names & CODES.keys()):
        with suppress(client.exceptions.NoSuchResourceException):
            quota = client.get_service_quota(ServiceCode="sagemaker", QuotaCode=CODES[name])["Quota"]
            found[quota["QuotaName"]] = quota
    for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
        if names <= found.keys():
            break
        pages = client.get_paginator(operation).paginate(ServiceCode="sagemaker", PaginationConfig={"PageSize": 100})
        for page in pages:
            for quota in page["Quotas"]:
                found.setdefault(quota["QuotaName"], quota)
            if names <= found.keys():
                break
    return found
