"""Container images: AWS's for the training, and that of the endpoint, which the deploy builds or somebody pushed."""

import boto3
from botocore.exceptions import ClientError

from aws.containers import training_container
from aws.registries import REGISTRY_ACCOUNTS
from tools.deploy.preflight.endpoint_image import MISSING, require_image
from tools.deploy.preflight.target import Target
from tools.preflight import NotReady

_LISTED = ' (listed in "Available images", AWS Deep Learning Containers)'


def training_image(target: Target) -> str:
    """The region's registry of AWS is known, and has the tag."""
    account = target.settings.container_account or REGISTRY_ACCOUNTS.get(target.region)
    if account is None:
        raise NotReady(f"no account of AWS's images is known in {target.region}: set container_account{_LISTED}")
    image = training_container(account, target.settings.training_instance)
    registry = {"registryId": image.account, "repositoryName": image.repository}
    try:
        boto3.client("ecr").describe_images(**registry, imageIds=[{"imageTag": image.tag}])
    except ClientError as error:
        if error.response["Error"]["Code"] not in MISSING:
            raise
        raise NotReady(
            f"{image.name} is not in account {account}: set container_account{_LISTED}, or name a tag in "
            "aws/containers.py that is there: aws ecr describe-images "
            f"--registry-id {account} --repository-name {image.repository}"
        ) from error
    return f"{image.name} is in account {account}"


def endpoint_image(target: Target) -> str:
    """The image is pushed and fits, or can be built."""
    return require_image(target.assembly(), target.settings, account=target.account, region=target.region)
