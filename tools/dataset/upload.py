"""Uploads a data set to s3://<bucket>/data/<digest>/; its manifest is written last, when all images are there."""

import json
from collections.abc import Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from settings.names import data_folder, data_manifest
from training.errors import InputError
from training.folder import Folder, digest, relative_name

THREADS = 16


def upload(folder: Folder, bucket: str) -> str:
    """Upload the data set unless the bucket has it; returns its digest.

    Raises:
        InputError: no such bucket, no access, no credentials, or no connection to S3. An incomplete upload has no
            manifest; the next one overwrites it.
    """
    client = s3_client()
    name = digest(folder)
    try:
        if not holds(client, bucket, data_manifest(name)):
            _put_all(client, bucket, name, folder)
    except (BotoCoreError, ClientError) as error:
        raise InputError(explain(error, bucket, client.meta.endpoint_url)) from error
    return name


def manifest(folder: Folder) -> dict[str, Any]:
    """The data set in figures."""
    return {
        "classes": folder.classes,
        "digest": digest(folder),
        "images": {split: len(images.files) for split, images in folder.splits.items()},
    }


def s3_client() -> Any:
    """A client of S3 for THREADS uploads at a time."""
    return boto3.client("s3", config=Config(retries={"total_max_attempts": 3}, max_pool_connections=THREADS))


def holds(client: Any, bucket: str, key: str) -> bool:
    """True if the bucket has the object. A listing tells a missing bucket from a missing object; a HEAD does not."""
    return bool(client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)["KeyCount"])


def _put_all(client: Any, bucket: str, name: str, folder: Folder) -> None:
    files = {data_folder(name) + relative_name(folder, path): path for path in folder.files}
    put_files(client, bucket, files, what=f"images {name[:12]}")
    body = json.dumps(manifest(folder), indent=2, ensure_ascii=False).encode()
    client.put_object(Bucket=bucket, Key=data_manifest(name), Body=body)


def put_files(client: Any, bucket: str, files: Mapping[str, Path], *, what: str) -> None:
    """Upload files by their keys, several at a time, with a progress bar that names `what`.

    Raises:
        BotoCoreError, ClientError, OSError: the first failure, which ends the upload.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress, ThreadPoolExecutor(THREADS) as pool:
        task = progress.add_task(what, total=len(files))

        def put(key: str, path: Path) -> None:
            with path.open("rb") as body:
                client.put_object(Bucket=bucket, Key=key, Body=body)
            progress.advance(task)

        uploads = [pool.submit(put, key, path) for key, path in files.items()]
        try:
            done, _ = wait(uploads, return_when=FIRST_EXCEPTION)
        finally:  # also after Ctrl-C: the pool would upload all others first
            for future in uploads:
                future.cancel()
        for future in done:
            future.result()


def explain(error: Exception, bucket: str, endpoint: str) -> str:
    """Describe an error of S3 and its fix in one line."""
    if isinstance(error, NoCredentialsError):
        return "no AWS credentials: sign in (aws sso login), or use the local AWS (. .local/aws.env)"
    if isinstance(error, EndpointConnectionError):
        return f"nothing answers at {endpoint}: check the network, or start the local AWS (make local)"
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        if code == "NoSuchBucket":
            return f"no bucket {bucket}: run make deploy first"
        if code in ("AccessDenied", "403"):
            return f"access to bucket {bucket} denied: use credentials with permission to list it and write to it"
    return f"upload to {bucket} failed: {error}"
