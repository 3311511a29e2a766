"""The IAM actions behind each CloudFormation resource type that this project, or the CDK's bootstrap stack, uses.

Source: the handlers' permissions in each type's schema, CloudFormation registry: those that create, change or
delete; the reads that CloudFormation makes to see whether it is done are left out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Properties = Mapping[str, Any]


class UnknownType(Exception):
    """A resource type that the table lacks."""

    def __init__(self, type_: str) -> None:
        super().__init__(
            f"local AWS does not know which IAM actions {type_} takes, so it cannot authorise it: "
            "add the type to RESOURCE_ACTIONS in local_aws/resource_actions.py"
        )


@dataclass(frozen=True)
class ResourceActions:
    """`arn` is a pattern with {region}, {account} and {name}; `named_by` is the property that is the name."""

    arn: str
    named_by: str
    create: tuple[str, ...]
    update: tuple[str, ...]
    delete: tuple[str, ...]
    with_property: Mapping[str, str] = field(default_factory=dict)
    """What creating or updating takes besides, when the property is there."""
    passes: Mapping[str, str] = field(default_factory=dict)
    """Properties (`Targets.RoleArn`: of each target) with a role, and the service that it is passed to."""
    uses: Mapping[str, str] = field(default_factory=dict)
    """Actions that creating and updating take on another resource, and its ARN over the properties."""

    def actions(self, operation: str, properties: Properties) -> list[str]:
        """The actions that `operation` (create, update or delete) takes on the resource itself."""
        besides = self.with_property if operation != "delete" else {}
        return [*getattr(self, operation), *(action for name, action in besides.items() if _given(name, properties))]

    def roles(self, properties: Properties) -> Iterator[tuple[str, str]]:
        """(role ARN, service) for each role that the resource is given."""
        for path, service in self.passes.items():
            for role in _values(properties, path.split(".")):
                yield role, service

    def used(self, properties: Properties) -> Iterator[tuple[str, str]]:
        """(action, resource) on each other resource that the properties name."""
        for action, pattern in self.uses.items():
            try:
                yield action, pattern.format(**properties)
            except KeyError:  # the property is not there: a function's code may be in the template itself
                continue

    def resources(self, physical_id: str | None, properties: Properties, place: Mapping[str, str]) -> list[str]:
        """The ARNs; a name that CloudFormation has yet to make up is `*`. `place` has region and account."""
        named = properties.get(self.named_by) or physical_id or "*"
        return [self._arn(str(name), place) for name in (named if isinstance(named, list) else [named])]

    def _arn(self, name: str, place: Mapping[str, str]) -> str:
        if name.startswith("arn:") and "{name}" in self.arn:
            return name
        return self.arn.format(name=name, **place).replace("parameter//", "parameter/")


def _given(name: str, properties: Properties) -> bool:
    """Whether the template gives the property: tags like aws:cloudformation:stack-name are CloudFormation's own."""
    if name != "Tags":
        return name in properties
    return any(not tag["Key"].startswith("aws:") for tag in properties.get("Tags", []))


def _values(value: Any, path: list[str]) -> Iterator[str]:
    for item in value if isinstance(value, list) else [value]:
        if not path:
            yield item
        elif isinstance(item, Mapping) and path[0] in item:
            yield from _values(item[path[0]], path[1:])


def _sagemaker(kind: str, name: str, *, update: tuple[str, ...] = ()) -> ResourceActions:
    """What SageMaker asks besides (roles, tags, keys) it asks of itself: local_aws/sagemaker/caller.py."""
    arn = f"arn:aws:sagemaker:{{region}}:{{account}}:{kind}/{{name}}"
    return ResourceActions(arn, f"{name}Name", (f"sagemaker:Create{name}",), update, (f"sagemaker:Delete{name}",))


_FUNCTION = "arn:aws:lambda:{region}:{account}:function:{name}"
_SCALABLE_TARGET = "arn:aws:application-autoscaling:{region}:{account}:scalable-target/*"
_LAMBDA, _EVENTS = "lambda.amazonaws.com", "events.amazonaws.com"
_NOTHING = ResourceActions("*", "", (), (), ())
_INVOKE = ("lambda:InvokeFunction",)
_CUSTOM = ResourceActions(_FUNCTION, "ServiceToken", _INVOKE, _INVOKE, _INVOKE)

RESOURCE_ACTIONS: dict[str, ResourceActions] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": ResourceActions(
        _SCALABLE_TARGET,
        "",
        ("application-autoscaling:RegisterScalableTarget",),
        ("application-autoscaling:RegisterScalableTarget",),
        ("application-autoscaling:DeregisterScalableTarget",),
        passes={"RoleARN": "application-autoscaling.amazonaws.com"},
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ResourceActions(
        _SCALABLE_TARGET,
        "",
        ("application-autoscaling:PutScalingPolicy",),
        ("application-autoscaling:PutScalingPolicy",),
        ("application-autoscaling:DeleteScalingPolicy",),
    ),
    "AWS::CloudFormation::CustomResource": _CUSTOM,
    "AWS::CloudFormation::WaitCondition": _NOTHING,
    "AWS::CloudFormation::WaitConditionHandle": _NOTHING,
    "AWS::ECR::Repository": ResourceActions(
        "arn:aws:ecr:{region}:{account}:repository/{name}",
        "RepositoryName",
        ("ecr:CreateRepository",),
        ("ecr:PutImageTagMutability",),
        ("ecr:DeleteRepository",),
        with_property={
            "LifecyclePolicy": "ecr:PutLifecyclePolicy",
            "RepositoryPolicyText": "ecr:SetRepositoryPolicy",
            "Tags": "ecr:TagResource",
        },
    ),
    "AWS::Events::Rule": ResourceActions(
        "arn:aws:events:{region}:{account}:rule/{name}",
        "Name",
        ("events:PutRule",),
        ("events:PutRule",),
        ("events:RemoveTargets", "events:DeleteRule"),
        with_property={"Tags": "events:TagResource", "Targets": "events:PutTargets"},
        passes={"RoleArn": _EVENTS, "Targets.RoleArn": _EVENTS},
    ),
    "AWS::IAM::ManagedPolicy": ResourceActions(
        "arn:aws:iam::{account}:policy/{name}",
        "ManagedPolicyName",
        ("iam:CreatePolicy",),
        ("iam:CreatePolicyVersion",),
        ("iam:DeletePolicy",),
    ),
    "AWS::IAM::Policy": ResourceActions(
        "arn:aws:iam::{account}:role/{name}",
        "Roles",
        ("iam:PutRolePolicy",),
        ("iam:PutRolePolicy",),
        ("iam:DeleteRolePolicy",),
    ),
    "AWS::IAM::Role": ResourceActions(
        "arn:aws:iam::{account}:role/{name}",
        "RoleName",
        ("iam:CreateRole",),
        ("iam:UpdateRole", "iam:UpdateAssumeRolePolicy"),
        ("iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:DeleteRole"),
        with_property={
            "ManagedPolicyArns": "iam:AttachRolePolicy",
            "PermissionsBoundary": "iam:PutRolePermissionsBoundary",
            "Policies": "iam:PutRolePolicy",
            "Tags": "iam:TagRole",
        },
    ),
    "AWS::KMS::Alias": ResourceActions(
        "arn:aws:kms:{region}:{account}:{name}",
        "AliasName",
        ("kms:CreateAlias",),
        ("kms:UpdateAlias",),
        ("kms:DeleteAlias",),
        uses={"kms:CreateAlias": "{TargetKeyId}"},
    ),
    "AWS::KMS::Key": ResourceActions(
        "arn:aws:kms:{region}:{account}:key/{name}",
        "",
        ("kms:CreateKey",),
        ("kms:PutKeyPolicy", "kms:UpdateKeyDescription"),
        ("kms:ScheduleKeyDeletion",),
        with_property={"EnableKeyRotation": "kms:EnableKeyRotation", "Tags": "kms:TagResource"},
    ),
    "AWS::Lambda::Alias": ResourceActions(
        _FUNCTION,
        "FunctionName",
        ("lambda:CreateAlias",),
        ("lambda:UpdateAlias",),
        ("lambda:DeleteAlias",),
        with_property={"ProvisionedConcurrencyConfig": "lambda:PutProvisionedConcurrencyConfig"},
    ),
    "AWS::Lambda::Function": ResourceActions(
        _FUNCTION,
        "FunctionName",
        ("lambda:CreateFunction",),
        ("lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration"),
        ("lambda:DeleteFunction",),
        with_property={
            "ReservedConcurrentExecutions": "lambda:PutFunctionConcurrency",
            "Tags": "lambda:TagResource",
        },
        passes={"Role": _LAMBDA},
        uses={"s3:GetObject": "arn:aws:s3:::{Code[S3Bucket]}/{Code[S3Key]}"},
    ),
    "AWS::Lambda::Permission": ResourceActions(
        _FUNCTION, "FunctionName", ("lambda:AddPermission",), ("lambda:AddPermission",), ("lambda:RemovePermission",)
    ),
    "AWS::Lambda::Version": ResourceActions(
        _FUNCTION, "FunctionName", ("lambda:PublishVersion",), ("lambda:PublishVersion",), ("lambda:DeleteFunction",)
    ),
    "AWS::Logs::LogGroup": ResourceActions(
        "arn:aws:logs:{region}:{account}:log-group:{name}",
        "LogGroupName",
        ("logs:CreateLogGroup",),
        (),
        ("logs:DeleteLogGroup",),
        with_property={"RetentionInDays": "logs:PutRetentionPolicy", "Tags": "logs:TagResource"},
    ),
    "AWS::S3::Bucket": ResourceActions(
        "arn:aws:s3:::{name}",
        "BucketName",
        ("s3:CreateBucket",),
        (),
        ("s3:DeleteBucket",),
        with_property={
            "BucketEncryption": "s3:PutEncryptionConfiguration",
            "LifecycleConfiguration": "s3:PutLifecycleConfiguration",
            "LoggingConfiguration": "s3:PutBucketLogging",
            "OwnershipControls": "s3:PutBucketOwnershipControls",
            "PublicAccessBlockConfiguration": "s3:PutBucketPublicAccessBlock",
            "Tags": "s3:PutBucketTagging",
            "VersioningConfiguration": "s3:PutBucketVersioning",
        },
        passes={"ReplicationConfiguration.Role": "s3.amazonaws.com"},
    ),
    "AWS::S3::BucketPolicy": ResourceActions(
        "arn:aws:s3:::{name}", "Bucket", ("s3:PutBucketPolicy",), ("s3:PutBucketPolicy",), ("s3:DeleteBucketPolicy",)
    ),
    "AWS::SSM::Parameter": ResourceActions(
        "arn:aws:ssm:{region}:{account}:parameter/{name}",
        "Name",
        ("ssm:PutParameter",),
        ("ssm:PutParameter",),
        ("ssm:DeleteParameter",),
    ),
    "AWS::SageMaker::Endpoint": _sagemaker("endpoint", "Endpoint", update=("sagemaker:UpdateEndpoint",)),
    "AWS::SageMaker::EndpointConfig": _sagemaker("endpoint-config", "EndpointConfig"),
    "AWS::SageMaker::Model": _sagemaker("model", "Model"),
}


def actions_of(type_: str) -> ResourceActions:
    """The type's entry. Raises UnknownType."""
    if type_.startswith("Custom::"):
        return _CUSTOM
    if type_ not in RESOURCE_ACTIONS:
        raise UnknownType(type_)
    return RESOURCE_ACTIONS[type_]
