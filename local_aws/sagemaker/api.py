"""Control plane of SageMaker: the operations that this project uses, with the request shapes of AWS."""

from typing import Any

from local_aws import doubts
from local_aws.quotas import require_instances
from local_aws.sagemaker import caller, notebook_instances, processing_api, tuning_api
from local_aws.sagemaker.checkpoints import require_usable
from local_aws.sagemaker.endpoint import LocalEndpoint
from local_aws.sagemaker.fleet import variant_of
from local_aws.sagemaker.job import listing
from local_aws.sagemaker.registry import KIND_NAMED_BY, Registry
from local_aws.sagemaker.training_host import INPUT_MODES, TOOLKIT_PROGRAM, input_mode
from local_aws.sagemaker.training_job import TrainingJob
from local_aws.service import Operation, Response, dispatch, invalid, now, parameter

training_jobs: Registry[TrainingJob] = Registry("training-job")
models: Registry[dict[str, Any]] = Registry("model")
endpoint_configs: Registry[dict[str, Any]] = Registry("endpoint-config")
endpoints: Registry[LocalEndpoint] = Registry("endpoint")


async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Response:
    return dispatch("sagemaker", OPERATIONS, headers, body)


def resource_arn(
    path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], region: str, account: str
) -> str:
    """ARN on which IAM authorises a request; `*` for lists."""
    prefix = f"arn:aws:sagemaker:{region}:{account}"
    if path.startswith("/endpoints/"):
        return f"{prefix}:endpoint/{path.split('/')[2].lower()}"
    if arn := parameter(body, "ResourceArn"):
        return arn
    for named, kind in KIND_NAMED_BY.items():
        if name := parameter(body, named):
            return f"{prefix}:{kind}/{name.lower()}"
    return "*"


# ---------------------------------------------------------------------- training jobs


def create_training_job(request: dict[str, Any]) -> dict[str, Any]:
    caller.require_besides("CreateTrainingJob", request)
    caller.require_volume_grant(request["ResourceConfig"].get("VolumeKmsKeyId"))
    check_training_job(request)
    return {"TrainingJobArn": launch_training_job(request).arn}


def check_training_job(request: dict[str, Any], at_once: int = 1) -> None:
    """Validate a training job, or the definition of which a tuning job runs `at_once`.

    Raises:
        ApiError: SageMaker refuses it, or local AWS cannot run it.
    """
    algorithm = request["AlgorithmSpecification"]
    if "TrainingImage" not in algorithm:
        raise invalid("AlgorithmSpecification needs a TrainingImage.")
    if "ContainerEntrypoint" not in algorithm and TOOLKIT_PROGRAM not in request.get("Environment", {}):
        raise invalid(
            "local AWS needs the job's program in AlgorithmSpecification.ContainerEntrypoint, "
            f"or in the environment variable {TOOLKIT_PROGRAM}; it cannot run an image's own entry point."
        )
    for channel in request.get("InputDataConfig", []):
        mode, source = input_mode(request, channel), channel["DataSource"]["S3DataSource"]
        if mode not in INPUT_MODES or source["S3DataType"] != "S3Prefix":
            raise invalid(
                f"local AWS has channels of an S3Prefix in {' or '.join(INPUT_MODES)} mode; channel "
                f"{channel['ChannelName']} is a {source['S3DataType']} in {mode} mode."
            )
    require_usable(request)
    kind, spot = request["ResourceConfig"]["InstanceType"], request.get("EnableManagedSpotTraining", False)
    require_instances(
        "spot training job" if spot else "training job",
        kind,
        in_use=sum(job.in_use(kind, spot=spot) for job in training_jobs.all()),
        more=at_once * request["ResourceConfig"]["InstanceCount"],
    )


def launch_training_job(request: dict[str, Any]) -> TrainingJob:
    name = request["TrainingJobName"]
    job = TrainingJob(request, training_jobs.arn(name))
    training_jobs.add(name, job)
    job.start()
    return job


# ---------------------------------------------------------------------- models and configurations


def create_model(request: dict[str, Any]) -> dict[str, Any]:
    caller.require_besides("CreateModel", request)
    name = request["ModelName"]
    if "PrimaryContainer" not in request:
        raise invalid("local AWS serves models with a PrimaryContainer only.")
    models.add(name, {**request, "ModelArn": models.arn(name), "CreationTime": now()})
    return {"ModelArn": models.arn(name)}


def create_endpoint_config(request: dict[str, Any]) -> dict[str, Any]:
    caller.require_besides("CreateEndpointConfig", request)
    name, variants = request["EndpointConfigName"], request["ProductionVariants"]
    if len(variants) != 1 or "ModelName" not in variants[0] or "ServerlessConfig" in variants[0]:
        raise invalid("local AWS serves one instance-based production variant per endpoint.")
    models.get(variants[0]["ModelName"])
    arn = endpoint_configs.arn(name)
    endpoint_configs.add(name, {**request, "EndpointConfigArn": arn, "CreationTime": now()})
    return {"EndpointConfigArn": arn}


# ---------------------------------------------------------------------- endpoints


def create_endpoint(request: dict[str, Any]) -> dict[str, Any]:
    caller.require_besides("CreateEndpoint", request)
    name = request["EndpointName"]
    config = endpoint_configs.get(request["EndpointConfigName"])
    caller.require_volume_grant(config.get("KmsKeyId"))
    _require_instances(config, variant_of(config)["InitialInstanceCount"])
    endpoint = LocalEndpoint(name, endpoints.arn(name), config, request.get("DeploymentConfig"))
    endpoints.add(name, endpoint)  # refuses a name that exists, before any instance starts
    endpoint.create(_models_of(config))
    return {"EndpointArn": endpoint.arn}


def update_endpoint(request: dict[str, Any]) -> dict[str, Any]:
    caller.require_besides("UpdateEndpoint", request)
    endpoint = endpoints.get(request["EndpointName"])
    config = endpoint_configs.get(request["EndpointConfigName"])
    if (
        doubts.other("update-to-live-refused")
        and endpoint.describe()["EndpointConfigName"] == request["EndpointConfigName"]
    ):
        raise invalid(f'Endpoint "{endpoint.arn}" runs endpoint configuration "{config["EndpointConfigArn"]}" already.')
    caller.require_volume_grant(config.get("KmsKeyId"))
    kept = endpoint.deployment_config if request.get("RetainDeploymentConfig") else None
    keep_count = request.get("RetainAllVariantProperties", False)
    _require_instances(config, endpoint.size if keep_count else variant_of(config)["InitialInstanceCount"])
    endpoint.update(
        config,
        _models_of(config),
        keep_instance_count=keep_count,
        deployment_config=request.get("DeploymentConfig", kept),
    )
    return {"EndpointArn": endpoint.arn}


def update_capacities(request: dict[str, Any]) -> dict[str, Any]:
    endpoint = endpoints.get(request["EndpointName"])
    [desired] = request["DesiredWeightsAndCapacities"]
    if desired["VariantName"] != endpoint.variant_name or "DesiredInstanceCount" not in desired:
        raise invalid(f"needs DesiredInstanceCount of variant {endpoint.variant_name!r}.")
    config = endpoint_configs.get(endpoint.describe()["EndpointConfigName"])
    _require_instances(config, desired["DesiredInstanceCount"] - endpoint.size)
    endpoint.resize(desired["DesiredInstanceCount"], _models_of(config))
    return {"EndpointArn": endpoint.arn}


def delete_endpoint(request: dict[str, Any]) -> None:
    endpoints.get(request["EndpointName"]).delete()  # refuses while the endpoint is changing
    endpoints.remove(request["EndpointName"])


def _require_instances(config: dict[str, Any], more: int) -> None:
    kind = variant_of(config)["InstanceType"]
    in_use = sum(endpoint.in_use(kind) for endpoint in endpoints.all())
    require_instances("endpoint", kind, in_use=in_use, more=max(more, 0))


def _models_of(config: dict[str, Any]) -> dict[str, Any]:
    return {variant["ModelName"]: models.get(variant["ModelName"]) for variant in config["ProductionVariants"]}


def _summaries(items: list[dict[str, Any]], *keys: str) -> list[dict[str, Any]]:
    return [{key: item[key] for key in keys if key in item} for item in items]


def list_tags(request: dict[str, Any]) -> dict[str, Any]:
    arn = request["ResourceArn"]
    kind, _, name = arn.rpartition(":")[2].partition("/")
    known = {"model": models, "endpoint-config": endpoint_configs}
    if kind not in known:
        raise invalid(f"local AWS lists the tags of {' and '.join(known)}, not of {arn}")
    return {"Tags": known[kind].get(name).get("Tags", [])}


OPERATIONS: dict[str, Operation] = {
    "ListTags": list_tags,
    "CreateTrainingJob": create_training_job,
    "DescribeTrainingJob": lambda r: training_jobs.get(r["TrainingJobName"]).describe(),
    "StopTrainingJob": lambda r: training_jobs.get(r["TrainingJobName"]).stop(),
    "ListTrainingJobs": lambda r: listing("Training", training_jobs.all(), r),
    **tuning_api.operations(check_training_job, launch_training_job),
    **processing_api.OPERATIONS,
    **notebook_instances.OPERATIONS,
    "CreateModel": create_model,
    "DescribeModel": lambda r: models.get(r["ModelName"]),
    "DeleteModel": lambda r: models.remove(r["ModelName"]) and None,
    "ListModels": lambda r: {"Models": _summaries(models.all(), "ModelName", "ModelArn", "CreationTime")},
    "CreateEndpointConfig": create_endpoint_config,
    "DescribeEndpointConfig": lambda r: endpoint_configs.get(r["EndpointConfigName"]),
    "DeleteEndpointConfig": lambda r: endpoint_configs.remove(r["EndpointConfigName"]) and None,
    "ListEndpointConfigs": lambda r: {
        "EndpointConfigs": _summaries(endpoint_configs.all(), "EndpointConfigName", "EndpointConfigArn", "CreationTime")
    },
    "CreateEndpoint": create_endpoint,
    "DescribeEndpoint": lambda r: endpoints.get(r["EndpointName"]).describe(),
    "UpdateEndpoint": update_endpoint,
    "UpdateEndpointWeightsAndCapacities": update_capacities,
    "DeleteEndpoint": delete_endpoint,
    "ListEndpoints": lambda r: {
        "Endpoints": _summaries(
            [endpoint.describe() for endpoint in endpoints.all()],
            "EndpointName",
            "EndpointArn",
            "CreationTime",
            "LastModifiedTime",
            "EndpointStatus",
        )
    },
}
