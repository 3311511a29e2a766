"""What roles are made of: the role itself, whom it trusts, ARNs, and the statements that more than one role has."""

from dataclasses import dataclass
from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from constructs import Construct

from aws.containers import Container
from aws.log_groups import function_log_group
from settings import names

SAGEMAKER = "sagemaker.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """ARNs of the one bucket and of the key that everything in it is encrypted with."""

    arn: str
    key: str


def make_role(
    scope: Construct,
    name: str,
    *,
    description: str,
    trusted: iam.IPrincipal,
    statements: list[iam.PolicyStatement],
) -> iam.Role:
    return iam.Role(
        scope,
        "".join(word.capitalize() for word in name.split("-")[2:]),
        role_name=name,
        description=description,
        assumed_by=trusted,
        inline_policies={"permissions": iam.PolicyDocument(statements=statements)},
    )


def trusted_service(name: str, *sources: str) -> iam.IPrincipal:
    """Trust in a service; with `sources`, only for this account's resources of those ARNs (no confused deputy).

    Lambda gives no source keys when it takes on a function's role, so there the service is all that can be
    asked.
    """
    if not sources:
        return iam.ServicePrincipal(name)
    ours = {
        "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
        "ArnLike": {"aws:SourceArn": list(sources) if len(sources) > 1 else sources[0]},
    }
    return iam.ServicePrincipal(name, conditions=ours)


def allow(
    sid: str, actions: list[str], resources: list[str], conditions: dict[str, Any] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(sid=sid, actions=actions, resources=resources, conditions=conditions)


def arn(service: str, resource: str) -> str:
    """ARN of something of this account in this region."""
    return f"arn:{Aws.PARTITION}:{service}:{Aws.REGION}:{Aws.ACCOUNT_ID}:{resource}"


def bucket_arn(name: str) -> str:
    return f"arn:{Aws.PARTITION}:s3:::{name}"


def training_jobs(start: str) -> str:
    """Those whose names begin with `start`."""
    return arn("sagemaker", f"training-job/{start}*")


def tuning_jobs(start: str) -> str:
    """Those whose names begin with `start`."""
    return arn("sagemaker", f"hyper-parameter-tuning-job/{start}*")


def prefixes(*listed: str) -> dict[str, Any]:
    return {"StringLike": {"s3:prefix": list(listed)}}


def list_weights(bucket: Bucket, digest: str) -> list[iam.PolicyStatement]:
    """The folder of that digest; nothing where a model starts from scratch."""
    listed = prefixes(f"{names.weights_folder(digest)}*")
    return [allow("ListWeights", ["s3:ListBucket"], [bucket.arn], listed)] if digest else []


def read_weights(bucket: Bucket, digest: str) -> list[iam.PolicyStatement]:
    """The one file of that digest; nothing where a model starts from scratch."""
    file = f"{bucket.arn}/{names.weights_key(digest)}"
    return [allow("ReadWeights", ["s3:GetObject"], [file])] if digest else []


def key_through_s3(bucket: Bucket, sid: str, actions: list[str]) -> iam.PolicyStatement:
    """Use of the key by S3 for the objects the role may touch, and in no other way."""
    via = {"StringEquals": {"kms:ViaService": f"s3.{Aws.REGION}.{Aws.URL_SUFFIX}"}}
    return allow(sid, actions, [bucket.key], via)


def key_for_volumes(bucket: Bucket) -> iam.PolicyStatement:
    """A grant to SageMaker for an instance's encrypted disk; only AWS services can use such a grant."""
    by_aws = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    return allow("UseKeyForVolumes", ["kms:CreateGrant"], [bucket.key], by_aws)


def run_jobs(kind: str, jobs: str) -> list[iam.PolicyStatement]:
    """Start, watch and stop jobs; they are created with their tags, which must not become a right to re-tag them."""
    while_created = {"StringEquals": {"sagemaker:TaggingAction": f"Create{kind}"}}
    return [
        allow("RunJobs", [f"sagemaker:{verb}{kind}" for verb in ("Create", "Describe", "Stop")], [jobs]),
        allow("TagNewJobs", ["sagemaker:AddTags"], [jobs], while_created),
    ]


def tag_new(kind: str, made: str) -> iam.PolicyStatement:
    """Resources are created with their tags, which must not become a right to re-tag them."""
    while_created = {"StringEquals": {"sagemaker:TaggingAction": f"Create{kind}"}}
    return allow(f"TagNew{kind}", ["sagemaker:AddTags"], [made], while_created)


def pass_to_sagemaker(sid: str, *roles: iam.Role) -> iam.PolicyStatement:
    """Hand these roles, and no others, to SageMaker, and to no other service."""
    to_sagemaker = {"StringEquals": {"iam:PassedToService": SAGEMAKER}}
    return allow(sid, ["iam:PassRole"], [role.role_arn for role in roles], to_sagemaker)


def metrics(namespace: str) -> iam.PolicyStatement:
    """Metrics have no ARN; the namespace is the only bound there is."""
    only = {"StringEquals": {"cloudwatch:namespace": namespace}}
    return allow("WriteMetrics", ["cloudwatch:PutMetricData"], ["*"], only)


def image_pull(image: Container) -> list[iam.PolicyStatement]:
    """Pull one of AWS's containers; the log-in token is the registry's, and has no resource to name."""
    repository = f"arn:{Aws.PARTITION}:ecr:{Aws.REGION}:{image.account}:repository/{image.repository}"
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    return [
        allow("LogInToRegistry", ["ecr:GetAuthorizationToken"], ["*"]),
        allow("PullImage", pull, [repository]),
    ]


def own_log(function_name: str) -> iam.PolicyStatement:
    """The stacks create the log group, so the function cannot create any."""
    group = arn("logs", f"log-group:{function_log_group(function_name)}")
    return allow("WriteLog", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{group}:*"])
