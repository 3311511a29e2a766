"""Uploads a data set to s3://<bucket>/data/<digest>/: images or shards, their list, and at the end the manifest.

What a broken-off upload has left there is not uploaded again.
"""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError

from settings.names import data_folder, data_list, data_manifest
from tools.dataset.listing import with_list
from tools.dataset.progress import bar
from tools.dataset.shards import shards
from training.errors import InputError
from training.folder import Folder, digest, relative_name
from training.listing import ListedImage

THREADS = 16
MANY_FILES = 10_000  # images, from which `auto` makes shards
Source = Callable[[], BinaryIO]


def upload(folder: Folder, bucket: str, layout: str) -> str:
    """Upload the data set unless the bucket has it; returns its digest.

    Args:
        layout: the setting `image_layout`.

    Raises:
        InputError: no such bucket, no access, no credentials, or no connection to S3; an image was changed meanwhile.
            An incomplete upload has no manifest; the next one goes on.
    """
    folder = with_list(folder)
    client, name = s3_client(), digest(folder)
    try:
        if not holds(client, bucket, data_manifest(name)):
            _put_all(client, bucket, name, folder, layout)
        elif not holds(client, bucket, data_list(name)):  # uploaded before there were lists
            _put_list(client, bucket, name, _plain(folder))
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


def _put_all(client: Any, bucket: str, name: str, folder: Folder, layout: str) -> None:
    prefix, images = data_folder(name), _plain(folder)
    files = {relative_name(folder, path): path for path in folder.files}

    def read(image: ListedImage) -> bytes:
        return folder.read(files[image.path])

    sources: dict[str, Source] = {prefix + image.path: partial(_in_memory, read, image) for image in images}
    sizes = {prefix + image.path: image.size for image in images}
    if layout == "shards" or (layout == "auto" and len(images) >= MANY_FILES):
        packed = list(shards(images))
        sources = {prefix + shard.name: partial(shard.packed, read) for shard in packed}
        sizes = {prefix + shard.name: shard.size for shard in packed}
        images = [image for shard in packed for image in shard.images]
    there = _sizes(client, bucket, prefix)
    if other := sorted(there.keys() - sizes.keys() - {data_list(name)}):
        raise InputError(
            f"s3://{bucket}/{other[0]} is of an upload in another layout that broke off: "
            f"aws s3 rm --recursive s3://{bucket}/{prefix}, then upload again"
        )
    missing = {key: source for key, source in sources.items() if there.get(key) != sizes[key]}
    put_files(client, bucket, missing, what=f"images {name[:12]}", done=len(sources) - len(missing))
    _put_list(client, bucket, name, images)
    body = json.dumps(manifest(folder), indent=2, ensure_ascii=False).encode()
    client.put_object(Bucket=bucket, Key=data_manifest(name), Body=body)


def _put_list(client: Any, bucket: str, name: str, images: list[ListedImage]) -> None:
    body = "".join(f"{image}\n" for image in images).encode()
    client.put_object(Bucket=bucket, Key=data_list(name), Body=body)


def _plain(folder: Folder) -> list[ListedImage]:
    """The images of the list in the order of their paths, each as a file of its own."""
    return [replace(folder.listed[path], shard="", offset=0) for path in sorted(folder.listed)]


def _in_memory(read: Callable[[ListedImage], bytes], image: ListedImage) -> BinaryIO:
    return BytesIO(read(image))


def _sizes(client: Any, bucket: str, prefix: str) -> dict[str, int]:
    """Bytes of each object under the prefix, by key. S3 has whole objects only ("PutObject", S3 API reference)."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", [])}


def put_files(client: Any, bucket: str, sources: Mapping[str, Source], *, what: str, done: int = 0) -> None:
    """Upload what `sources` open by its key, several at a time, with a progress bar that names `what`.

    Args:
        done: number of objects that are there already.

    Raises:
        BotoCoreError, ClientError, InputError, OSError: the first failure, which ends the upload.
    """
    with bar(what, done + len(sources), min_total=0) as advance, ThreadPoolExecutor(THREADS) as pool:
        advance(done)

        def put(key: str, source: Source) -> None:
            with source() as body:
                client.put_object(Bucket=bucket, Key=key, Body=body)
            advance(1)

        uploads = [pool.submit(put, key, source) for key, source in sources.items()]
        try:
            ended, _ = wait(uploads, return_when=FIRST_EXCEPTION)
        finally:  # also after Ctrl-C: the pool would upload all others first
            for future in uploads:
                future.cancel()
        for future in ended:
            future.result()


def opened(path: Path) -> BinaryIO:
    """The file, to be read."""
    return path.open("rb")


def explain(error: Exception, bucket: str, endpoint: str) -> str:
    """Describe an error of S3 and its fix in one line."""
    if isinstance(error, NoCredentialsError):
        return "no AWS credentials: sign in (aws sso login), or use the local AWS (. .local/aws.env)"
    if isinstance(error, EndpointConnectionError):
        return f"nothing answers at {endpoint}: check the network, or start the local AWS (make local)"
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        if code == "NoSuchBucket":
            return f"no bucket {bucket}: run make deploy first, with the same SETTINGS"
        if code in ("AccessDenied", "403"):
            return f"access to bucket {bucket} denied: use credentials with permission to list it and write to it"
    return f"upload to {bucket} failed: {error}"
