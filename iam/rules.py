"""Our own rules for templates, where public rule packs have none or accept a default.

    check({"slipway-dev-storage": template, …}) → findings, none for templates that keep every rule
A value that only AWS can resolve proves nothing, so a rule that needs it reports a finding.
"""

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aws.instances import Instance
from iam.findings import GateFinding
from iam.policy import listed
from iam.properties import Resources, as_text, is_true, of_type, statements, training_job
from iam.resolve import UNREADABLE
from iam.source import source_of

Problem = tuple[str, str, str]  # logical id, problem, fix

# These keys tell who owns the caller. AWS, "Blocking public access to your Amazon S3 storage", "The meaning of public".
_OWNER_KEYS = {
    "aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:sourceaccount", "aws:sourcearn",
    "aws:sourceorgid", "aws:sourcevpc", "aws:sourcevpce", "kms:calleraccount",
}  # fmt: skip
_EQUALITIES = {"StringEquals", "StringLike", "ArnEquals", "ArnLike"}
# They send no account, but an ARN that has one. "Troubleshooting Amazon EventBridge", EventBridge user guide, says so;
# "Invoking a Lambda function using an Amazon API Gateway endpoint", Lambda developer guide, has a source ARN alone.
_NAMED_BY_ARN = {"events.amazonaws.com": "EventBridge", "apigateway.amazonaws.com": "API Gateway"}
_ENDPOINT = "AWS::EC2::VPCEndpoint"
_OPEN = set("*?…")  # the last stands for a value that cannot be read, and may be anything


def check(templates: Mapping[str, Mapping[str, Any]]) -> list[GateFinding]:
    """Every finding in `templates`, which are by stack name."""
    return [
        GateFinding(rule, f"{stack}.{resource}".rstrip("."), "", source_of(stack), message, fix)
        for stack, template in templates.items()
        for rule, problems in RULES.items()
        for resource, message, fix in _read(problems, template.get("Resources", {}))
    ]


def network_isolation(resources: Resources) -> Iterator[Problem]:
    """Containers that train or run a model have no network: no way out for data or credentials."""
    for id, properties in of_type(resources, "AWS::SageMaker::Model"):
        if not is_true(properties.get("EnableNetworkIsolation")):
            yield id, "the model's containers have a network", "set EnableNetworkIsolation to true"
    for id, request in _training_jobs(resources):
        if not is_true(request.get("EnableNetworkIsolation")):
            yield id, "the training job has a network", "set EnableNetworkIsolation to true in Request"


def open_access(resources: Resources) -> Iterator[Problem]:
    """Trust, resource policies and function permissions name a principal or its owner; routes have an authorizer."""
    for id, resource in resources.items():
        for statement in statements(resource.get("Properties", {})):
            anyone = "NotPrincipal" in statement or _anyone(statement)
            if resource["Type"] == _ENDPOINT and _names_its_resources(statement):
                continue  # to pass an endpoint gives nobody a permission, and AWS's own buckets are another account's
            if statement["Effect"] == "Allow" and anyone and not _closed(statement.get("Condition", {})):
                yield id, "a statement allows anyone", "name the principal, or add a condition on aws:SourceAccount"
    for id, properties in of_type(resources, "AWS::Lambda::Permission"):
        caller = as_text(properties.get("Principal"))
        needed = {"SourceArn"} if caller in _NAMED_BY_ARN else {"SourceArn", "SourceAccount"}
        if _OPEN & set(caller) or caller.endswith(".amazonaws.com"):
            for key in sorted(needed - set(properties)):
                yield id, f"{caller} may call the function for any {key}", f"set {key}"
        if caller in _NAMED_BY_ARN and "SourceAccount" in properties:
            yield id, f"{_NAMED_BY_ARN[caller]} cannot call: the permission has SourceAccount", "set SourceArn only"
    for id, properties in of_type(resources, "AWS::ApiGatewayV2::Route"):
        if properties.get("AuthorizationType", "NONE") == "NONE":
            yield id, "anyone may call the route", "set AuthorizationType to AWS_IAM or JWT"


def imds_v2(resources: Resources) -> Iterator[Problem]:
    """Instances use IMDSv2 with hop limit 1: credentials only for sessions, and only on the instance itself."""
    for id, options in _of_hosts(resources, "MetadataOptions", default={}):
        if options.get("HttpTokens") != "required":
            yield id, "the metadata service answers without a session", 'set MetadataOptions.HttpTokens to "required"'
        # Not the default everywhere: the image of Amazon Linux 2023 asks for 2.
        if options.get("HttpPutResponseHopLimit") != 1:
            yield id, "containers reach the metadata service", "set MetadataOptions.HttpPutResponseHopLimit to 1"


def encryption(resources: Resources) -> Iterator[Problem]:
    """Data at rest is encrypted with a customer-managed key, and so is traffic between training instances."""
    yield from _bucket_encryption(resources)
    yield from _training_encryption(resources)
    yield from _volume_encryption(resources)
    for id, config in of_type(resources, "AWS::SageMaker::EndpointConfig"):
        types = [variant.get("InstanceType") for variant in config.get("ProductionVariants", [])]
        if "KmsKeyId" not in config and not all(_encrypts_itself(type) for type in types):
            yield id, "the endpoint's disks have no customer-managed key", "set KmsKeyId"
    for kind, key in {"AWS::SNS::Topic": "KmsMasterKeyId", "AWS::SageMaker::NotebookInstance": "KmsKeyId"}.items():
        for id, properties in of_type(resources, kind):
            if key not in properties:
                yield id, "it has no customer-managed key", f"set {key}"


def tls_only(resources: Resources) -> Iterator[Problem]:
    """Every bucket denies plain HTTP, for the bucket and for its objects."""
    for id, _ in of_type(resources, "AWS::S3::Bucket"):
        all_policies = of_type(resources, "AWS::S3::BucketPolicy")
        policies = [policy for _, policy in all_policies if as_text(policy.get("Bucket")) == f"${{{id}}}"]
        if not any(_refuses_http(statement, f"${{{id}.Arn}}") for statement in statements(policies)):
            yield id, "the bucket accepts plain HTTP", "deny s3:* on it and its objects if aws:SecureTransport is false"


def permissions_boundary(resources: Resources) -> Iterator[Problem]:
    """All roles have the permissions boundary that one of them has."""
    roles = {id: as_text(role.get("PermissionsBoundary", "")) for id, role in of_type(resources, "AWS::IAM::Role")}
    for id, boundary in roles.items():
        if others := sorted(set(roles.values()) - {boundary, ""}):
            has = f"has the permissions boundary {boundary}" if boundary else "has no permissions boundary"
            yield id, f"it {has}, another role {others[0]}", "set @aws-cdk/core:permissionsBoundary for the whole app"


RULES: Mapping[str, Callable[[Resources], Iterator[Problem]]] = {
    rule.__name__.replace("_", "-"): rule
    for rule in (network_isolation, open_access, imds_v2, encryption, tls_only, permissions_boundary)
}


def _read(problems: Callable[[Resources], Iterator[Problem]], resources: Resources) -> Iterator[Problem]:
    try:
        yield from problems(resources)
    except UNREADABLE as error:
        yield "", f"a resource cannot be read: {error!r}", "give its properties the form that CloudFormation documents"


def _bucket_encryption(resources: Resources) -> Iterator[Problem]:
    """Buckets use KMS, except those for access logs: S3 delivers them only to buckets under its own keys."""
    buckets = dict(of_type(resources, "AWS::S3::Bucket"))
    logs = {as_text(bucket.get("LoggingConfiguration", {}).get("DestinationBucketName")) for bucket in buckets.values()}
    for id, bucket in buckets.items():
        rules = bucket.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", [])
        algorithms = {rule.get("ServerSideEncryptionByDefault", {}).get("SSEAlgorithm") for rule in rules}
        wanted = "AES256" if f"${{{id}}}" in logs else "aws:kms"
        if algorithms != {wanted}:
            yield id, f"the bucket is not encrypted with {wanted}", f"set SSEAlgorithm to {wanted}"


def _training_encryption(resources: Resources) -> Iterator[Problem]:
    for id, request in _training_jobs(resources):
        hosts = request.get("ResourceConfig", {})
        if "VolumeKmsKeyId" not in hosts and not _encrypts_itself(hosts.get("InstanceType")):
            yield id, "the job's disks have no customer-managed key", "set ResourceConfig.VolumeKmsKeyId in Request"
        if "KmsKeyId" not in request.get("OutputDataConfig", {}):
            yield id, "the job's output has no customer-managed key", "set OutputDataConfig.KmsKeyId in Request"
        if hosts.get("InstanceCount") != 1 and not is_true(request.get("EnableInterContainerTrafficEncryption")):
            fix = "set EnableInterContainerTrafficEncryption to true in Request"
            yield id, "traffic between instances is not encrypted", fix


def _volume_encryption(resources: Resources) -> Iterator[Problem]:
    """Disks of instances are encrypted; the disk of an image, used without a mapping, mostly is not."""
    for id, properties in of_type(resources, "AWS::EC2::Volume"):
        if not is_true(properties.get("Encrypted")):
            yield id, "the volume is not encrypted", "set Encrypted to true"
    for id, mappings in _of_hosts(resources, "BlockDeviceMappings", default=[]):
        disks = [mapping["Ebs"] for mapping in mappings if "Ebs" in mapping]
        if not disks or not all(is_true(disk.get("Encrypted")) for disk in disks):
            yield id, "a disk is not encrypted", "set Ebs.Encrypted to true in BlockDeviceMappings, the root's too"


def _of_hosts(resources: Resources, key: str, *, default: Any) -> Iterator[tuple[str, Any]]:
    """A property of every launch template, and of every instance that does not take it from one."""
    templates = dict(of_type(resources, "AWS::EC2::LaunchTemplate"))
    for id, template in templates.items():
        yield id, template.get("LaunchTemplateData", {}).get(key, default)
    for id, instance in of_type(resources, "AWS::EC2::Instance"):
        launched_from = as_text(instance.get("LaunchTemplate", {}).get("LaunchTemplateId"))
        if key in instance or launched_from not in {f"${{{template}}}" for template in templates}:
            yield id, instance.get(key, default)


def _training_jobs(resources: Resources) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Requests for training jobs, including a tuning job's; an unreadable one is empty, which breaks every rule."""
    for id, properties in of_type(resources, "Custom::TrainedModel"):
        try:
            request = json.loads(as_text(properties.get("Request")))
            yield id, training_job(request)
        except ValueError:
            yield id, {}


def _anyone(statement: Mapping[str, Any]) -> bool:
    """True when a principal is anyone, or cannot be read: then it may be."""
    principal = statement.get("Principal", "")
    kinds = principal.values() if isinstance(principal, Mapping) else [principal]
    return any(_OPEN & set(as_text(name)) for kind in kinds for name in listed(kind))


def _names_its_resources(statement: Mapping[str, Any]) -> bool:
    return all(_names_an_owner(as_text(resource)) for resource in listed(statement.get("Resource", "*")))


def _refuses_http(statement: Mapping[str, Any], arn: str) -> bool:
    return (
        statement["Effect"] == "Deny"
        and _anyone(statement)
        and listed(statement.get("Action")) == ["s3:*"]
        and {arn, f"{arn}/*"} <= {as_text(resource) for resource in listed(statement.get("Resource"))}
        and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
    )


def _closed(condition: Mapping[str, Mapping[str, Any]]) -> bool:
    """True when one of the conditions, all of which must hold, names the owner of the caller."""
    return any(
        key.lower() in _OWNER_KEYS and all(_names_an_owner(as_text(value)) for value in listed(values))
        for operator, keys in condition.items()
        if operator in _EQUALITIES
        for key, values in keys.items()
    )


def _names_an_owner(value: str) -> bool:
    """True without any wildcard, or for an ARN without one in the account (S3: at the start of the name)."""
    if not _OPEN & set(value):
        return True
    arn = re.fullmatch(r"arn:[^:]*:[^:]*:[^:]*:(?P<account>[^:]*):(?P<name>.+)", value)
    return arn is not None and not _OPEN & set(arn["account"] or arn["name"][0])


def _encrypts_itself(instance_type: Any) -> bool:
    """True when the hardware encrypts the instance type's disks: SageMaker refuses a key for them, or ignores it."""
    with contextlib.suppress(ValueError):
        return Instance.parse(as_text(instance_type)).local_disk
    return False
