"""Stand-ins for the package manager and the programs of an instance's image.

They replace `dnf install python3.12`, `pip install` from a lock file, `aws s3 cp` and `aws s3 sync`, and refuse all
other commands. Python packages are those of this machine: pip only checks that each one of the lock file is installed
in the locked version.
"""

import importlib.metadata
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

_AT_ONCE = 10  # default of the AWS CLI's max_concurrent_requests
_NAME = r"^([A-Za-z0-9_.-]+)"
_PINNED = re.compile(rf"{_NAME}==([^ ;\\]+)(?: ; ([^\\\n]+))?|{_NAME} @ \S*/[A-Za-z0-9_]+-([^-%+]+)", re.MULTILINE)


def main(program: str, arguments: list[str]) -> None:
    words = [word for word in arguments if not word.startswith("-")]
    match program, words:
        case "dnf", ["install", *packages] if packages == ["python3.12"]:
            print("Installed: python3.12 (the stand-in)")
        case "python3.12", ["venv", folder] if arguments[0] == "-m":
            _make_environment(Path(folder))
        case "pip", ["install", lock] if "--require-hashes" in arguments:
            if wrong := unmet(Path(lock).read_text()):
                sys.exit(f"pip: this machine lacks packages of the lock file: {', '.join(wrong)}")
        case "aws", ["s3", "cp", source, target]:
            _copy(source, target)
        case "aws", ["s3", "sync", source, target]:
            _sync(source, target)
        case _:
            sys.exit(f"{program}: the stand-in of local AWS does not support {' '.join(arguments)}")


def _make_environment(folder: Path) -> None:
    """Create a virtual environment whose `python` is this interpreter and whose `pip` is this file."""
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    for name, line in {
        "python": f'exec {sys.executable} "$@"',
        "pip": f'exec {sys.executable} -I {Path(__file__)} pip "$@"',
    }.items():
        script = folder / "bin" / name
        script.write_text(f"#!/bin/sh\n{line}\n")
        script.chmod(0o755)


def unmet(lock: str) -> list[str]:
    """The packages that a lock file pins and this machine has in another version, or not at all."""
    from packaging.markers import Marker

    wrong = []
    for match in _PINNED.finditer(lock):
        name, version = match[1] or match[4], match[2] or match[5]
        if match[3] and not Marker(match[3]).evaluate():
            continue
        try:
            here = importlib.metadata.version(name).partition("+")[0]
        except importlib.metadata.PackageNotFoundError:
            here = "not installed"
        if here != version:
            wrong.append(f"{name}=={version} (here: {here})")
    return wrong


def _copy(source: str, target: str) -> None:
    import boto3
    from botocore.exceptions import ClientError

    s3 = boto3.client("s3")
    try:
        if source.startswith("s3://"):
            bucket, _, key = source.removeprefix("s3://").partition("/")
            _download(s3, bucket, key, Path(target))
        else:
            bucket, _, key = target.removeprefix("s3://").partition("/")
            s3.upload_file(source, bucket, key)
    except (ClientError, boto3.exceptions.S3UploadFailedError) as error:
        sys.exit(f"aws: {source} to {target}: {error}")


def _sync(source: str, target: str) -> None:
    import boto3
    from botocore.exceptions import ClientError

    s3 = boto3.client("s3")
    bucket, _, prefix = source.removeprefix("s3://").partition("/")
    try:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        found = [each for page in pages for each in page.get("Contents", [])]
        # The AWS CLI leaves out the folders that the console makes: list_objects of its customizations/s3.
        keys = [each["Key"] for each in found if each["Size"] or not each["Key"].endswith("/")]
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            list(threads.map(lambda key: _download(s3, bucket, key, Path(target) / key.removeprefix(prefix)), keys))
    except ClientError as error:
        sys.exit(f"aws: {source} to {target}: {error}")


def _download(s3: Any, bucket: str, key: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("wb") as file:
            shutil.copyfileobj(s3.get_object(Bucket=bucket, Key=key)["Body"], file)
    except OSError as error:
        sys.exit(f"aws: {target}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
