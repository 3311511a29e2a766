"""Check, before anything is created, that the bucket holds the data set and weights that the settings name."""

from typing import Any

import boto3
from botocore.exceptions import ClientError

from settings import Settings
from settings.names import data_manifest, weights_key
from tools.dataset.upload import holds
from tools.deployment import deployment
from tools.preflight import NotReady


def require_uploaded(settings: Settings, bucket: str, *, images: bool) -> None:
    """Raises `NotReady` when the bucket lacks the weights that are set, or the data set where `images` asks for it.

    A training says so too, but only once the stacks before it are changed. A caller who may not list the bucket is not
    stopped.
    """
    client = boto3.client("s3")
    try:
        if images and not _is_there(client, bucket, data_manifest(settings.dataset)):
            raise NotReady(
                f"stage {settings.stage} has no data set yet ({settings.dataset[:12]}… is not in bucket {bucket}): "
                f"give your images, make deploy DATA=FOLDER{deployment(settings)}"
            )
        if settings.weights and not _is_there(client, bucket, weights_key(settings.weights)):
            raise NotReady(
                f"weights = {settings.weights[:12]}… are not in bucket {bucket}: if there is no bucket yet, make deploy"
                f"{deployment(settings, 'weights=', 'trainable=all')}, then make weights{deployment(settings)}"
            )
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("AccessDenied", "403"):
            raise


def _is_there(client: Any, bucket: str, key: str) -> bool:
    """True where the bucket exists and holds the object."""
    try:
        return holds(client, bucket, key)
    except client.exceptions.NoSuchBucket:
        return False
