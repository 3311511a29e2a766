"""Parts of roles: the role itself, its trust, ARNs, and the statements that several roles share."""

from dataclasses import dataclass
from typing import Any

from aws_cdk import Aws, DefaultStackSynthesizer, Fn, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from aws.log_groups import function_log_group
from settings import Settings, names
from stacks.training_program import TrainingProgram

SAGEMAKER = "sagemaker.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """ARNs of the bucket and of the key that encrypts everything in it."""

    arn: str
    key: str


def make_role(
    scope: Construct,
    suffix: names.RoleSuffix,
    *,
    prefix: str,
    description: str,
    trusted: iam.IPrincipal,
    statements: list[iam.PolicyStatement],
) -> iam.Role:
    return iam.Role(
        scope,
        "".join(word.capitalize() for word in suffix.split("-")),
        role_name=names.role_name(prefix, suffix, Aws.REGION),
        description=description,
        assumed_by=trusted,
        inline_policies={"permissions": iam.PolicyDocument(statements=statements)},
    )


def trusted_service(name: str, *sources: str) -> iam.IPrincipal:
    """Trust in a service; with `sources`, only for this account's resources of those ARNs (no confused deputy).

    Lambda sends no source keys when it assumes a function's role, so its condition can name none.
    """
    if not sources:
        return iam.ServicePrincipal(name)
    ours = {
        "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
        "ArnLike": {"aws:SourceArn": _one_or_list(sources)},
    }
    return iam.ServicePrincipal(name, conditions=ours)


def allow(
    sid: str, actions: list[str], resources: list[str], conditions: dict[str, Any] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(sid=sid, actions=actions, resources=resources, conditions=conditions)


def arn(service: str, resource: str) -> str:
    """ARN of a resource of this account in this region."""
    return f"arn:{Aws.PARTITION}:{service}:{Aws.REGION}:{Aws.ACCOUNT_ID}:{resource}"


def bucket_arn(name: str) -> str:
    return f"arn:{Aws.PARTITION}:s3:::{name}"


def training_jobs(start: str) -> str:
    """ARN pattern of training jobs whose names begin with `start`."""
    return arn("sagemaker", f"training-job/{start}*")


def tuning_jobs(start: str) -> str:
    """ARN pattern of tuning jobs whose names begin with `start`."""
    return arn("sagemaker", f"hyper-parameter-tuning-job/{start}*")


def prefixes(*listed: str) -> dict[str, Any]:
    return {"StringLike": {"s3:prefix": list(listed)}}


def list_weights(bucket: Bucket, digest: str) -> list[iam.PolicyStatement]:
    """List the folder of the weights `digest`; no statement when it is empty: a model from scratch."""
    listed = prefixes(f"{names.weights_folder(digest)}*")
    return [allow("ListWeights", ["s3:ListBucket"], [bucket.arn], listed)] if digest else []


def read_weights(bucket: Bucket, digest: str) -> list[iam.PolicyStatement]:
    """Read the file of the weights `digest`; no statement when it is empty: a model from scratch."""
    file = f"{bucket.arn}/{names.weights_key(digest)}"
    return [allow("ReadWeights", ["s3:GetObject"], [file])] if digest else []


def key_through_s3(bucket: Bucket, sid: str, actions: list[str]) -> iam.PolicyStatement:
    """Use the key only through S3, for the objects that the role may access."""
    via = {"StringEquals": {"kms:ViaService": f"s3.{Aws.REGION}.{Aws.URL_SUFFIX}"}}
    return allow(sid, actions, [bucket.key], via)


def key_of_asset(bucket_name: str, key: str) -> iam.PolicyStatement:
    """Decrypt one object of CDK's bucket, which a bootstrap can encrypt with any key of the account.

    S3 names the object to KMS, or the bucket if that has a bucket key: "Encryption context" in "Using server-side
    encryption with AWS KMS keys", S3 user guide.
    """
    bucket = bucket_arn(bucket_name)
    only = {"kms:EncryptionContext:aws:s3:arn": [bucket, f"{bucket}/{key}"]}
    via = {"kms:ViaService": f"s3.{Aws.REGION}.{Aws.URL_SUFFIX}"}
    return allow("UseKeyOfAsset", ["kms:Decrypt"], [arn("kms", "key/*")], {"StringEquals": via | only})


def key_for_volumes(bucket: Bucket) -> iam.PolicyStatement:
    """Let SageMaker use the key for an instance's encrypted disk, by a grant that only AWS services can use."""
    by_aws = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    return allow("UseKeyForVolumes", ["kms:CreateGrant"], [bucket.key], by_aws)


def isolated() -> dict[str, Any]:
    """Condition: the containers have no network, so no program in them can use the role that SageMaker was passed."""
    return {"Bool": {"sagemaker:NetworkIsolation": "true"}}


def prepare_jobs(
    start: str, *, settings: Settings, bucket: Bucket, program: TrainingProgram
) -> list[iam.PolicyStatement]:
    """Read data, weights and program of training jobs whose names begin with `start`, and write what they make."""
    data = f"{names.data_folder(settings.dataset)}*"
    program_bucket = bucket_arn(program.bucket_name)
    return [
        # A channel is a prefix: SageMaker lists it, then fetches each object. One data set, no other.
        allow("ListData", ["s3:ListBucket"], [bucket.arn], prefixes(data)),
        allow("ReadData", ["s3:GetObject"], [f"{bucket.arn}/{data}"]),
        # The program is a channel of one object.
        allow("ListProgram", ["s3:ListBucket"], [program_bucket], prefixes(program.key)),
        allow("ReadProgram", ["s3:GetObject"], [f"{program_bucket}/{program.key}"]),
        key_of_asset(program.bucket_name, program.key),
        *list_weights(bucket, settings.weights),
        *read_weights(bucket, settings.weights),
        # Not all of jobs/: jobs/waiting/ says who waits for which job, and a job has no say in that.
        allow("WriteJobs", ["s3:PutObject"], [f"{bucket.arn}/{names.JOBS}/{start}*"]),
        # Images are read and models written under the key.
        key_through_s3(bucket, "UseKeyForObjects", ["kms:Decrypt", "kms:GenerateDataKey"]),
        # The request names the key for the output. "OutputDataConfig", SageMaker API reference, asks for it without
        # a condition: it does not say that SageMaker calls KMS through S3.
        allow("EncryptOutput", ["kms:Encrypt"], [bucket.key]),
        key_for_volumes(bucket),
    ]


def run_jobs(kind: str, jobs: str) -> list[iam.PolicyStatement]:
    """Create, describe and stop jobs; tag them only when they are created."""
    return [
        allow("RunJobs", [f"sagemaker:{verb}{kind}" for verb in ("Create", "Describe", "Stop")], [jobs]),
        tag_new("TagNewJobs", kind, jobs),
    ]


def tag_new(sid: str, kind: str, made: str) -> iam.PolicyStatement:
    """Tag resources only when they are created: AddTags alone would allow re-tagging."""
    while_created = {"StringEquals": {"sagemaker:TaggingAction": f"Create{kind}"}}
    return allow(sid, ["sagemaker:AddTags"], [made], while_created)


def pass_to_sagemaker(sid: str, *roles: iam.Role) -> iam.PolicyStatement:
    """Pass these roles, and no others, to SageMaker and to no other service."""
    to_sagemaker = {"StringEquals": {"iam:PassedToService": SAGEMAKER}}
    return allow(sid, ["iam:PassRole"], [role.role_arn for role in roles], to_sagemaker)


def metrics(*namespaces: str) -> iam.PolicyStatement:
    """Write metrics of these namespaces; they have no ARN, so only the condition limits them."""
    only = {"StringEquals": {"cloudwatch:namespace": _one_or_list(namespaces)}}
    return allow("WriteMetrics", ["cloudwatch:PutMetricData"], ["*"], only)


def image_pull(*repositories: str) -> list[iam.PolicyStatement]:
    """Pull the images of these repositories; the log-in token has no resource to name."""
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    return [
        allow("LogInToRegistry", ["ecr:GetAuthorizationToken"], ["*"]),
        allow("PullImage", pull, list(repositories)),
    ]


def repository_arn(name: str, *, account: str, region: str = Aws.REGION) -> str:
    return f"arn:{Aws.PARTITION}:ecr:{region}:{account}:repository/{name}"


def serving_repository(scope: Construct, settings: Settings) -> str:
    """ARN of the repository of `serving_image`, or of that of the CDK's bootstrap."""
    if image := settings.pushed_image:
        return repository_arn(image.repository, account=image.account, region=image.region)
    qualifier = str(Stack.of(scope).synthesizer.bootstrap_qualifier)
    name = DefaultStackSynthesizer.DEFAULT_IMAGE_ASSETS_REPOSITORY_NAME.replace("${Qualifier}", qualifier)
    return repository_arn(Fn.sub(name), account=Aws.ACCOUNT_ID)


def log_group_arns(name: str) -> list[str]:
    """Both forms of a log group's ARN: AWS asks for `GROUP:*`, and its list of actions has `GROUP`.

    Source: "Overview of managing access permissions to your CloudWatch Logs resources", CloudWatch Logs user guide.
    """
    group = arn("logs", f"log-group:{name}")
    return [group, f"{group}:*"]


def write_log(*streams: tuple[str, str]) -> list[iam.PolicyStatement]:
    """Write to streams, given as (group, pattern), of groups that whoever writes first creates."""
    opened = [form for group, _ in streams for form in log_group_arns(group)]
    written = [arn("logs", f"log-group:{group}:log-stream:{pattern}") for group, pattern in streams]
    return [
        allow("OpenLog", ["logs:CreateLogGroup", "logs:DescribeLogStreams"], opened),
        allow("WriteLog", ["logs:CreateLogStream", "logs:PutLogEvents"], written),
    ]


def own_log(function_name: str) -> iam.PolicyStatement:
    """Write to the function's log group, which a stack creates: the function cannot create any."""
    group = arn("logs", f"log-group:{function_log_group(function_name)}")
    return allow("WriteLog", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{group}:*"])


def functions_interfaces(settings: Settings) -> list[iam.PolicyStatement]:
    """Put a function into a private network; no statement without one.

    Source: "Giving Lambda functions access to resources in an Amazon VPC", Lambda developer guide.
    """
    write = [
        "CreateNetworkInterface",
        "DeleteNetworkInterface",
        "AssignPrivateIpAddresses",
        "UnassignPrivateIpAddresses",
    ]
    return _interfaces(settings, write, ["NetworkInterfaces", "Subnets"])


def jobs_interfaces(settings: Settings) -> list[iam.PolicyStatement]:
    """Put SageMaker's instances into a private network; no statement without one.

    Source: "How to use SageMaker AI execution roles", SageMaker developer guide.
    """
    write = [f"{verb}NetworkInterface{what}" for verb in ("Create", "Delete") for what in ("", "Permission")]
    return _interfaces(settings, write, ["NetworkInterfaces", "Vpcs", "DhcpOptions", "Subnets", "SecurityGroups"])


def _interfaces(settings: Settings, write: list[str], describe: list[str]) -> list[iam.PolicyStatement]:
    if settings.network == "none":
        return []
    # Lambda's page: without all ids, a function may lose its network.
    return [
        allow("MakeInterfaces", [f"ec2:{action}" for action in write], [arn("ec2", "*/*")]),
        allow("SeeNetwork", [f"ec2:Describe{what}" for what in describe], ["*"]),
    ]


def _one_or_list(values: tuple[str, ...]) -> str | list[str]:
    return list(values) if len(values) > 1 else values[0]
