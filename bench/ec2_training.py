"""Peak memory of a training on the EC2 instance, against the 1 GiB of a t2.micro.

It trains a head on a frozen ResNet-50 with random weights and 500 photo-sized JPEGs. The deployed stack runs on local
AWS, whose sandbox has the instance's memory and its one vCPU; the kernel's out-of-memory killer would fail the stack
and the benchmark. Times are in seconds since the instance's first boot.
"""

import re
from pathlib import Path

import boto3
import torch

from aws.ec2_types import EC2_TYPES
from bench.own_aws import own_aws
from bench.photos import write_photos
from bench.result import BenchmarkResult
from settings import names
from tools.assembly import synthesize
from tools.dataset.upload import upload
from tools.deploy import weights
from tools.deploy.convert_weights import pack
from tools.deploy.preflight.bootstrap import bootstrap
from tools.deploy.stacks import deploy
from tools.preflight import require_aws
from tools.stack import outputs
from training.digests import sha256_of
from training.folder import digest, inspect
from training.model import build
from training.settings import Hyperparameters

IMAGES = 500
MEMORY_MB = EC2_TYPES["t2.micro"].memory
SETTINGS = {
    "app": "bench", "architecture": "resnet50", "image_size": "224", "epochs": "5", "trainable": "head",
    "batch_size": "64", "ec2_training": "true",
}  # fmt: skip


def run() -> BenchmarkResult:
    with own_aws() as folder:
        log = _train(folder)
    memory, swap = map(int, _found(r"peak memory (\d+) MB, peak swap (\d+) MB", log))
    [features] = _found(r"\[ *(\d+) s\] frozen layers run once", log)
    [first] = _found(r"\[ *(\d+) s\] epoch=1 ", log)
    [total] = _found(r"\[ *(\d+) s\] cost of this run", log)
    [cost] = _found(r"= ([\d.]+ \$)", log)
    note = (
        f"peak memory of {IMAGES} photos on a t2.micro; peer: its memory; swap {swap} MB; boot to the frozen layers' "
        f"first image {features} s, to the first epoch's figures {first} s, to the end {total} s, {cost}"
    )
    return BenchmarkResult("ec2-training", memory, MEMORY_MB, "MB", round(MEMORY_MB / memory, 3), 1.0, note)


def _train(folder: Path) -> str:
    """Deploy the EC2 training and return the instance's log."""
    bootstrap(*require_aws())
    write_photos(folder / "photos", IMAGES)
    photos = inspect(folder / "photos")
    torch.manual_seed(0)
    architecture = SETTINGS["architecture"]
    pretrained = pack(build(Hyperparameters(architecture), 1000, None), architecture, folder)
    chosen = {"dataset": digest(photos), "weights": sha256_of(pretrained)}
    assembly = synthesize({**SETTINGS, **chosen})
    deploy(assembly, "storage", say=lambda _: None)
    bucket = outputs(assembly.stack("storage"))["BucketName"]
    upload(photos, bucket, "files")
    weights.upload(pretrained, bucket)
    deploy(assembly, "ec2-training", say=lambda _: None)
    kept = boto3.client("s3").get_object(Bucket=bucket, Key=f"{names.EC2_ARTIFACTS}/{names.EC2_LOG}")
    return str(kept["Body"].read().decode())


def _found(pattern: str, log: str) -> tuple[str, ...]:
    match = re.search(pattern, log)
    if not match:
        raise RuntimeError(f"the instance's log has no {pattern!r}:\n{log}")
    return match.groups()
