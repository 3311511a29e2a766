"""The images of a scoring: a folder that is uploaded, or a place in the deployment's bucket."""

import shlex
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from serving.score import is_scored
from settings.names import DATA, SCORES, scoring_input
from tools.dataset.archive import image_folder
from tools.dataset.upload import explain, opened, put_files
from training.errors import InputError, shorten


@dataclass(frozen=True)
class ScoringImages:
    """Images in the bucket: `uri` ends in a slash, `count` is the number that get a result."""

    uri: str
    count: int
    size: int  # bytes


def local_files(path: Path) -> dict[str, Path]:
    """Files of a folder, or of a zip or tar of one, by their names below it.

    Raises:
        InputError: no such folder, no file in it, or names that S3 cannot have.
    """
    folder = image_folder(path)
    if not folder.is_dir():
        raise InputError(f"no folder {path}: give a folder of images, a zip or tar of one, or s3://…")
    found = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}
    files = {name: found[name] for name in sorted(found) if is_scored(name)}
    if not files:
        raise InputError(f"{path} has no file: give a folder of images, nested or not")
    if wrong := [name for name in files if not _is_utf8(name)]:
        raise InputError(shorten([f"{name!r} is no name in UTF-8, as S3 needs: rename it" for name in wrong], "names"))
    return files


def _is_utf8(name: str) -> bool:
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def upload(client: Any, bucket: str, name: str, files: dict[str, Path]) -> ScoringImages:
    """Upload the files for the scoring `name`.

    Raises:
        InputError: S3 refused.
    """
    prefix = scoring_input(name)
    try:
        sources = {prefix + each: partial(opened, path) for each, path in files.items()}
        put_files(client, bucket, sources, what=f"images {name}")
    except (BotoCoreError, ClientError) as error:
        raise InputError(explain(error, bucket, client.meta.endpoint_url)) from error
    return ScoringImages(f"s3://{bucket}/{prefix}", len(files), sum(path.stat().st_size for path in files.values()))


def in_bucket(client: Any, bucket: str, uri: str, *, callers_folder: str) -> ScoringImages:
    """Images at an address that the scoring role may read.

    Args:
        callers_folder: folder of the bucket from which the function takes images; empty if there is none.

    Raises:
        InputError: another bucket or folder, or nothing there.
    """
    given, _, key = uri.removeprefix("s3://").partition("/")
    prefix = f"{key.strip('/')}/"
    readable = [f"{DATA}/", *([callers_folder] if callers_folder else [])]
    own_input = prefix.startswith(f"{SCORES}/") and "/input/" in prefix
    if given != bucket or not (own_input or prefix.startswith(tuple(readable))):
        target = f"s3://{bucket}/{scoring_input('NAME')}"
        places = ", ".join(f"s3://{bucket}/{each}" for each in [*readable, scoring_input("NAME")])
        raise InputError(
            f"{uri}: a scoring reads {places} and nothing else: "
            f"aws s3 sync {shlex.quote(f's3://{given}/{prefix}')} {target}, "
            f"then make score DATA={shlex.quote(target)} with the same SETTINGS"
        )
    count = size = 0
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            if not item["Key"].endswith("/"):
                count += is_scored(item["Key"].removeprefix(prefix))
                size += item["Size"]
    if not count:
        raise InputError(f"s3://{bucket}/{prefix} has no object: give the folder of the images, not one image")
    return ScoringImages(f"s3://{bucket}/{prefix}", count, size)
