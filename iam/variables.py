"""Read the contract's variables from the resources that the roles serve.

Since the values do not come from the policies, the gate notices when a role no longer fits the resource it is for.
"""

import json
from collections.abc import Mapping
from typing import Any

from iam.errors import GateError
from iam.properties import training_job
from iam.resolve import UNREADABLE
from iam.template import AppRoles

FILLED = "yes"
"""Value of a variable that only says whether something exists."""
TRAINED_MODEL = "Custom::TrainedModel"
_NETWORK = "-network"
_IN_A_VPC = ("AWS::Lambda::Function", "AWS::SageMaker::Model")
_STORAGE = "-storage"  # the stack that every version of the app has


class MissingResource(GateError):
    """The templates lack a resource that a variable of the contract is read from."""


def variables(assembly: AppRoles) -> dict[str, str]:
    """Variables of the contract by name; one is empty where the deployment has no such thing.

    Raises:
        MissingResource: the message names the resource or property.
    """
    prefixes = [stack.removesuffix(_STORAGE) for stack in assembly.templates if stack.endswith(_STORAGE)]
    if len(prefixes) != 1:
        raise MissingResource(f"expected one stack named <app>-<stage>{_STORAGE}, found {len(prefixes)}")
    try:
        found = {
            "prefix": prefixes[0],
            **_storage(assembly),
            **_role_path(assembly),
            **_training(assembly),
            **_serving(assembly),
            **_classify(assembly),
            **_notebook(assembly),
            **_api(assembly),
            "ec2": FILLED if _resources(assembly, "AWS::EC2::Instance") else "",
        }
        return found | _network(assembly, found["ec2"])
    except UNREADABLE as error:
        raise MissingResource(f"cannot read the contract's variables from the templates: {error!r}") from error


def training_request(assembly: AppRoles) -> tuple[str, dict[str, Any]]:
    """The stack that has the request for the training or tuning job, and the request, which is JSON in a text."""
    stack, _, properties = _only(assembly, TRAINED_MODEL)
    request: dict[str, Any] = json.loads(assembly.resolver.text(properties["Request"], stack))
    return stack, request


def scoring_requests(assembly: AppRoles) -> list[dict[str, Any]]:
    """Requests that `make score` starts jobs with; none where the app has no scoring."""
    return [json.loads(text) for text in _outputs(assembly, "ScoringJob")]


def _storage(assembly: AppRoles) -> dict[str, str]:
    """Key of the bucket whose accesses are logged, made by the deploy or there before; and what becomes of its data."""
    [(stack, id, bucket)] = [one for one in _resources(assembly, "AWS::S3::Bucket") if "LoggingConfiguration" in one[2]]
    log_stack, _, group = _resources(assembly, "AWS::Logs::LogGroup")[0]
    [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    kept = assembly.resolver.text(assembly.templates[stack]["Resources"][id]["DeletionPolicy"], stack)
    return {
        "key": assembly.resolver.text(rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"], stack),
        "kept": kept,
        "kept_old": kept.removesuffix("ExceptOnCreate"),
        "retention": assembly.resolver.text(group["RetentionInDays"], log_stack),
        "own_key": FILLED if _resources(assembly, "AWS::KMS::Key") else "",
    }


def _role_path(assembly: AppRoles) -> dict[str, str]:
    """Path that all roles share, without its last slash."""
    paths = {role.get("Path", "/") for _, _, role in _resources(assembly, "AWS::IAM::Role")}
    if len(paths) > 1:
        raise MissingResource(f"the roles have different paths: {', '.join(sorted(map(str, paths)))}")
    return {"role_path": str(next(iter(paths), "/")).rstrip("/")}


def _training(assembly: AppRoles) -> dict[str, str]:
    stack, _, properties = _only(assembly, TRAINED_MODEL)
    _, request = training_request(assembly)
    job = training_job(request)
    tuned = job is not request
    [code] = [c for c in job["InputDataConfig"] if c["ChannelName"] == "code"]
    bucket, _, key = code["DataSource"]["S3DataSource"]["S3Uri"].removeprefix("s3://").partition("/")
    return {
        "dataset": assembly.resolver.text(properties["Dataset"], stack),
        "model": assembly.resolver.text(properties["Digest"], stack),
        "weights": _weights(job),
        "program_bucket": f"arn:${{AWS::Partition}}:s3:::{bucket}",
        "program_key": key,
        "spot": _folder(job.get("CheckpointConfig", {}).get("S3Uri", "")),
        "training_image": _repository(job["AlgorithmSpecification"]["TrainingImage"]),
        "tuning": FILLED if tuned else "",
        "single_job": "" if tuned else FILLED,
    }


def _folder(uri: str) -> str:
    """The first folder of `s3://<bucket>/<folder>/…`."""
    return uri.removeprefix("s3://").partition("/")[2].partition("/")[0]


def _weights(request: Mapping[str, Any]) -> str:
    """Digest in the address of the job's channel of pretrained weights; empty where it has no such channel."""
    addresses = [
        channel["DataSource"]["S3DataSource"]["S3Uri"]
        for channel in request["InputDataConfig"]
        if channel["ChannelName"] == "weights"
    ]
    return addresses[0].rstrip("/").rpartition("/")[2] if addresses else ""


def _network(assembly: AppRoles, ec2: str) -> dict[str, str]:
    """Values about networks. Functions, model, training and scoring jobs run in a VPC, all or none of them."""
    job = training_job(training_request(assembly)[1])
    scoring = [request["NetworkConfig"] for request in scoring_requests(assembly)]
    inside = [job, *scoring, *(one for kind in _IN_A_VPC for _, _, one in _resources(assembly, kind))]
    private = FILLED if "VpcConfig" in job else ""
    if len({"VpcConfig" in one for one in inside}) > 1:
        raise MissingResource("some of functions, model, training and scoring job run in a VPC, and others do not")
    made = any(stack.endswith(_NETWORK) for stack, *_ in _resources(assembly, "AWS::EC2::VPC"))
    own = private if made else ""
    several = int(job["ResourceConfig"]["InstanceCount"]) > 1
    return {
        "private": private,
        "own_vpc": own,
        "distributed": FILLED if private and several else "",
        "vpcs": ec2 or own,
        "groups": ec2 or private,
    }


def _serving(assembly: AppRoles) -> dict[str, str]:
    stack, _, properties = _only(assembly, "AWS::SageMaker::Model")
    config_stack, _, config = _only(assembly, "AWS::SageMaker::EndpointConfig")
    captured = config.get("DataCaptureConfig", {}).get("DestinationS3Uri", "")
    image = assembly.resolver.text(properties["PrimaryContainer"]["Image"], stack)
    endpoints = _resources(assembly, "AWS::SageMaker::Endpoint")
    return {
        "endpoint": assembly.resolver.text(endpoints[0][2]["EndpointName"], endpoints[0][0]) if endpoints else "",
        "image": image,
        "serving_image": _repository(image),
        "capture": _folder(assembly.resolver.text(captured, config_stack)),
    }


def _classify(assembly: AppRoles) -> dict[str, str]:
    [(stack, address)] = [
        (stack, variables["S3_IMAGES"])
        for stack, _, function in _resources(assembly, "AWS::Lambda::Function")
        if "S3_IMAGES" in (variables := function.get("Environment", {}).get("Variables", {}))
    ]
    return {"images": assembly.resolver.text(address, stack).removeprefix("s3://").partition("/")[2]}


def _notebook(assembly: AppRoles) -> dict[str, str]:
    """ARN of the object that the notebook instance fetches; empty without a notebook."""
    files = _outputs(assembly, "NotebookFiles")
    return {"notebook_files": f"arn:${{AWS::Partition}}:s3:::{files[0].removeprefix('s3://')}" if files else ""}


def _api(assembly: AppRoles) -> dict[str, str]:
    """Id of the HTTP API, which API Gateway generates; empty without one."""
    found = _resources(assembly, "AWS::ApiGatewayV2::Api")
    return {"api": assembly.resolver.name(*found[0][:2]) if found else ""}


def _repository(image: str) -> str:
    """ARN of the repository of `<account>.dkr.ecr.<region>.<domain>/<repository>`, with `:<tag>` or `@<digest>`."""
    registry, _, name = image.partition("/")
    account, _, _, region, *_ = registry.split(".")
    repository = name.partition("@")[0] if "@" in name else name.rpartition(":")[0]
    return f"arn:${{AWS::Partition}}:ecr:{region}:{account}:repository/{repository}"


def _resources(assembly: AppRoles, type_: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Stack, logical id and properties of each resource of the type."""
    return [
        (stack, logical_id, resource.get("Properties", {}))
        for stack, template in assembly.templates.items()
        for logical_id, resource in template.get("Resources", {}).items()
        if resource["Type"] == type_
    ]


def _outputs(assembly: AppRoles, name: str) -> list[str]:
    """Texts of the outputs of this name, of all stacks."""
    return [
        assembly.resolver.text(template["Outputs"][name]["Value"], stack)
        for stack, template in assembly.templates.items()
        if name in template.get("Outputs", {})
    ]


def _only(assembly: AppRoles, type_: str) -> tuple[str, str, dict[str, Any]]:
    found = _resources(assembly, type_)
    if len(found) != 1:
        raise MissingResource(f"expected one {type_}, found {len(found)}")
    return found[0]
