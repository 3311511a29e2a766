"""Container images: AWS's for the training, and that of the endpoint, which the deploy builds or somebody pushed."""

import boto3
from botocore.exceptions import ClientError

from aws.containers import training_container
from tools.deploy.image import require_image
from tools.deploy.preflight.target import Target
from tools.preflight import NotReady

_MISSING = ("RepositoryNotFoundException", "ImageNotFoundException")


def training_image(target: Target) -> str:
    """AWS's registry has the tag."""
    image = training_container(target.settings.container_account, target.settings.training_instance)
    registry = {"registryId": image.account, "repositoryName": image.repository}
    try:
        boto3.client("ecr").describe_images(**registry, imageIds=[{"imageTag": image.tag}])
    except ClientError as error:
        if error.response["Error"]["Code"] not in _MISSING:
            raise
        raise NotReady(
            f"{image.name} is not in {target.region}. Set container_account to the account of AWS's images there, from "
            '"Available images", AWS Deep Learning Containers; or name a tag in aws/containers.py that is there: '
            f"aws ecr describe-images --registry-id {image.account} --repository-name {image.repository}"
        ) from error
    return f"{image.name} is there"


def endpoint_image(target: Target) -> str:
    """The image is pushed and fits, or can be built."""
    return require_image(target.assembly(), target.settings, account=target.account, region=target.region)
