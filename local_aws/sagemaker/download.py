"""Downloads a channel or an input of a job from S3 with the role's credentials from the environment.

It is a program of its own, because client and server in one interpreter would slow each other down.

    python -m local_aws.sagemaker.download S3URI FOLDER [--may-be-empty] [--share RANK/WORLD]
"""

import argparse
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlparse

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_THREADS = 8


def main(uri: str, folder: Path, *, may_be_empty: bool, share: tuple[int, int] = (0, 1)) -> int:
    """Download all objects under `uri` to `folder`; exit code 1 with a line on stderr if that is not possible.

    Args:
        share: share of the objects, in the order of their keys: (1, 3) is the second of three.
    """
    location = urlparse(uri)
    bucket, prefix = location.netloc, location.path.lstrip("/")
    s3 = boto3.client("s3", config=Config(retries={"total_max_attempts": 3}, max_pool_connections=_THREADS))
    base = prefix if prefix.endswith("/") else prefix.rpartition("/")[0]

    def fetch(key: str) -> None:
        target = folder / key.removeprefix(base).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            shutil.copyfileobj(s3.get_object(Bucket=bucket, Key=key)["Body"], file)

    try:
        folder.mkdir(parents=True, exist_ok=True)
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        if not keys and not may_be_empty:
            print(
                f"no S3 objects under {uri!r}; please ensure that the bucket and prefix exist and hold the data",
                file=sys.stderr,
            )
            return 1
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(fetch, [key for key in keys if not key.endswith("/")][share[0] :: share[1]]))
    except (BotoCoreError, ClientError) as error:
        print(f"{error} ({uri})", file=sys.stderr)
        return 1
    except OSError as error:  # AWS says "Insufficient disk space" for a full one (aws/sagemaker-python-sdk#128)
        print(f"{error.strerror or error} ({uri} to {folder})", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("uri")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--may-be-empty", action="store_true")
    parser.add_argument("--share", default="0/1")
    given = parser.parse_args()
    rank, world = map(int, given.share.split("/"))
    sys.exit(main(given.uri, given.folder, may_be_empty=given.may_be_empty, share=(rank, world)))
