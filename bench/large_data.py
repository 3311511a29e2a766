"""Peak memory of a process that checks, uploads, opens or trains on 100,000 images, against a limit of 2 GiB.

The images are small JPEGs, so that their number counts and not their bytes. They are uploaded to an S3 of our own, in
shards; each step is a process of its own. The note has the time and the requests of each.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import numpy as np
from PIL import Image

from bench.own_aws import own_aws
from bench.result import BenchmarkResult
from settings.names import data_folder
from tools.dataset import upload as uploading
from tools.dataset.check import checked
from tools.dataset.listing import with_list
from training.folder import digest, inspect
from training.listing import LIST
from training.memory import peak_mb

IMAGES = {"train": 80_000, "valid": 10_000, "test": 10_000}
CLASSES = 10
SIDE = 32
LIMIT_MB = 2048
_BUCKET = "large-data"
_TRAINING = [
    "--architecture", "resnet10", "--image-size", "16", "--epochs", "1", "--batch-size", "1024", "--augment", "none",
    "--export-int8", "never",
]  # fmt: skip


def run() -> BenchmarkResult:
    with own_aws() as folder:
        images = folder / "images"
        write_images(images, IMAGES)
        boto3.client("s3").create_bucket(Bucket=_BUCKET)
        taken = {step: _measured(step, folder) for step in _STEPS}
    memory = max(each["mb"] for each in taken.values())
    note = "; ".join(
        f"{step} {each['seconds']:.0f} s ({each['processor']:.0f} s of a core), {each['mb']} MB"
        + (f", {each['requests']} requests" * bool(each["requests"]))
        for step, each in taken.items()
    )
    return BenchmarkResult("large-data", memory, LIMIT_MB, "MB", round(LIMIT_MB / memory, 2), 1.0, note)


def write_images(root: Path, counts: dict[str, int]) -> None:
    """Write that many different JPEGs of each split, evenly in the classes."""
    random = np.random.default_rng(0)
    for split, count in counts.items():
        for number in range(CLASSES):
            (root / split / f"class{number}").mkdir(parents=True)
        for number in range(count):
            coarse = Image.fromarray(random.integers(0, 256, (4, 4, 3), dtype=np.uint8))
            coarse.resize((SIDE, SIDE)).save(root / split / f"class{number % CLASSES}" / f"{number:06}.jpg")


def _check(folder: Path) -> None:
    checked(folder / "images")


def _hash_again(folder: Path) -> None:
    with_list(inspect(folder / "images"))


def _upload(folder: Path) -> None:
    uploading.upload(inspect(folder / "images"), _BUCKET, "auto")


def _download(folder: Path) -> None:
    [name] = {key.split("/")[1] for key in _keys()}
    for key in _keys():
        target = folder / "channel" / key.removeprefix(data_folder(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        boto3.client("s3").download_file(_BUCKET, key, str(target))


def _keys() -> list[str]:
    return [item["Key"] for item in boto3.client("s3").list_objects_v2(Bucket=_BUCKET)["Contents"]]


def _open(folder: Path) -> None:
    assert (folder / "channel" / LIST).exists()
    digest(inspect(folder / "channel"))


def _train(folder: Path) -> None:
    from training.__main__ import main

    assert main(["--data", str(folder / "channel"), "--output", str(folder / "out"), *_TRAINING]) == 0


_STEPS: dict[str, Callable[[Path], None]] = {
    "check": _check,
    "hash again": _hash_again,
    "upload": _upload,
    "upload again": _upload,
    "download": _download,
    "open": _open,
    "train": _train,
}


def _measured(step: str, folder: Path) -> dict[str, Any]:
    """Seconds, peak memory and requests of a step in a process of its own, without the start of the process."""
    command = [sys.executable, "-m", "bench.large_data", step, str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(command, check=True, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    last = done.stdout.splitlines()[-1]
    print(f"{step}: {last}", flush=True)
    return dict(json.loads(last))


def main(step: str, folder: Path) -> None:
    requests = 0

    def count(**_: object) -> None:
        nonlocal requests
        requests += 1

    boto3.setup_default_session()
    assert boto3.DEFAULT_SESSION
    boto3.DEFAULT_SESSION.events.register("before-send.s3", count)
    start, before = time.perf_counter(), time.process_time()
    _STEPS[step](folder)
    seconds, processor = time.perf_counter() - start, time.process_time() - before
    print(json.dumps({"seconds": seconds, "processor": processor, "mb": round(peak_mb()), "requests": requests}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
