"""Upload pretrained weights, torchvision's or your own, to the bucket that training reads from.

make weights ARCH=convnext_tiny              downloads torchvision's weights (once), converts and uploads them
make weights ARCH=resnet50 FILE=FILE.pth     uploads your own of that network: a state dict, or a .safetensors
make weights FILE=FILE.onnx                  uploads a backbone of any kind, to train heads on
make weights ARCH=resnet50 ARGS="--to DIR"   writes the file into a folder, for make train, and uploads nothing
"""

import argparse
import shlex
import shutil
import sys
import tempfile
import urllib.request
from http.client import HTTPException
from pathlib import Path

import boto3
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, wrap_file

from settings.names import bucket_name, weights_key
from tools.cli import chosen_settings, command, make_parser
from tools.dataset.upload import explain, holds
from tools.preflight import require_aws
from training.digests import sha256_of
from training.errors import InputError
from training.flags import user_path
from training.networks import NETWORKS, OWN, check_name

DEFAULT = "resnet50"
WITHOUT = ("resnet10",)  # ours, not torchvision's
_STALLED_SECONDS = 30  # without a byte, a download is given up


@command
def main() -> int:
    parser = make_parser("weights", __doc__)
    parser.add_argument("architecture", nargs="?", type=_architecture, help=f"network (default {DEFAULT})")
    parser.add_argument("--file", type=user_path, help="weights to take instead of torchvision's")
    parser.add_argument("--to", type=user_path, metavar="DIR", help="write the file there, and upload nothing")
    arguments = parser.parse_args()
    settings = chosen_settings(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        architecture, image_size, path = _converted(arguments.architecture, arguments.file, Path(scratch))
        if arguments.to:
            arguments.to.mkdir(parents=True, exist_ok=True)
            path = Path(shutil.move(path, arguments.to / path.name))
            flags = f"--architecture {architecture} --image-size {image_size} --trainable head"
            print(f'ARGS="{flags} --weights {shlex.quote(str(path))}"')
            return 0
        account, region = require_aws()
        digest = upload(path, bucket_name(settings.prefix, account, region))
    print(f'SETTINGS="architecture={architecture} weights={digest} trainable=head image_size={image_size}"')
    return 0


def _architecture(name: str) -> str:
    try:
        check_name(name)
    except ValueError as expected:
        raise argparse.ArgumentTypeError(f"{name!r} is not {expected}") from None
    return name


def _converted(architecture: str | None, file: Path | None, folder: Path) -> tuple[str, int, Path]:
    """Architecture, image size, and the weights file, which lies in the folder."""
    from tools.deploy.convert_weights import convert, convert_backbone  # late: PyTorch takes seconds

    if file is not None and file.suffix == ".onnx":
        if architecture not in (None, OWN):
            raise InputError(f"{file} is a backbone of its own: leave out ARCH={architecture}")
        return OWN, *convert_backbone(file, folder)
    architecture = architecture or DEFAULT
    if architecture == OWN:
        raise InputError(f"ARCH={OWN} needs a backbone: give FILE=FILE.onnx")
    return architecture, NETWORKS[architecture].size, convert(file or download(architecture), architecture, folder)


def download(architecture: str) -> Path:
    """Download torchvision's best weights of that network into torch's cache, unless they are there.

    Raises:
        InputError: no network, or the file does not have the sha256 that its name begins with.
    """
    import torch
    import torchvision

    if architecture in WITHOUT:
        raise InputError(f"torchvision has no weights of {architecture}: give yours as FILE=FILE.pth")
    url = torchvision.models.get_model_weights(architecture).DEFAULT.url
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    start = path.stem.rpartition("-")[2]
    if path.exists() and sha256_of(path).startswith(start):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _fetch(url, path, start)
    except (OSError, HTTPException) as error:
        raise InputError(
            f"cannot download {url} ({error}): fetch that file where there is a network, then "
            f"repeat this with ARCH={architecture} FILE={shlex.quote(path.name)}"
        ) from error
    return path


def _fetch(url: str, path: Path, start: str) -> None:
    """Download to `path`, which appears when the file is complete and its sha256 begins with `start`."""
    part = path.with_suffix(".part")
    with urllib.request.urlopen(url, timeout=_STALLED_SECONDS) as answer:  # noqa: S310 (https)
        size = int(answer.headers.get("Content-Length", 0))  # a proxy may leave it out
        with (
            wrap_file(answer, size, description=path.name, console=Console(stderr=True)) as source,
            part.open("wb") as file,
        ):
            shutil.copyfileobj(source, file)
    if not sha256_of(part).startswith(start):
        raise OSError("the file arrived damaged")
    part.replace(path)


def upload(path: Path, bucket: str) -> str:
    """Upload the file under its sha256 unless the bucket has it; returns the sha256, 64 hex digits.

    Raises:
        InputError: no such bucket, no access, or no connection to S3.
    """
    digest = sha256_of(path)
    key = weights_key(digest)
    client = boto3.client("s3")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    try:
        if holds(client, bucket, key):
            return digest
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task(f"weights {digest[:12]}", total=path.stat().st_size)
            client.upload_file(str(path), bucket, key, Callback=lambda sent: progress.advance(task, sent))
    except (BotoCoreError, ClientError, S3UploadFailedError) as error:
        raise InputError(explain(error, bucket, client.meta.endpoint_url)) from error
    return digest


if __name__ == "__main__":
    sys.exit(main())
