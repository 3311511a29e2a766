"""Pretrained weights for a deployment: torchvision's, or a file of yours, into the bucket that training reads from.

python -m tools.deploy.weights resnet50                    downloads torchvision's (once), uploads them
python -m tools.deploy.weights resnet50 --file FILE.pth    uploads a state dict of that network
"""

import sys
from pathlib import Path

import boto3
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from settings.names import bucket_name, weights_key
from tools.cli import chosen_settings, command, make_parser, user_path
from tools.dataset.upload import explain
from tools.preflight import require_aws
from training.digests import sha256_of
from training.errors import InputError
from training.resnet import DEPTHS
from training.weights import read

WITHOUT = ("resnet10",)  # ours, not torchvision's


@command
def main() -> int:
    parser = make_parser("weights", __doc__)
    parser.add_argument("architecture", choices=[name for name in DEPTHS if name not in WITHOUT])
    parser.add_argument("--file", type=user_path, help="a state dict instead of torchvision's")
    arguments = parser.parse_args()
    settings = chosen_settings(arguments)
    path = arguments.file or download(arguments.architecture)
    read(path, arguments.architecture)  # better now than in a training job
    account, region = require_aws()
    digest = upload(path, bucket_name(settings.prefix, account, region))
    print(f'SETTINGS="architecture={arguments.architecture} weights={digest} trainable=head image_size=224"')
    return 0


def download(architecture: str) -> Path:
    """torchvision's best weights of that network, in torch's own cache; their name has the start of their sha256.

    Raises:
        InputError: no network, or other bytes than the name promises.
    """
    import torch
    import torchvision

    url = torchvision.models.get_model_weights(architecture).DEFAULT.url
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    start = path.stem.rpartition("-")[2]
    if path.exists() and sha256_of(path).startswith(start):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(url, str(path), hash_prefix=start)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"cannot download {url} ({error}): with a network, fetch that file, "
            f"then python -m tools.deploy.weights {architecture} --file {path.name}"
        ) from error
    return path


def upload(path: Path, bucket: str) -> str:
    """Uploads the file under its digest unless it is there; the digest, 64 hex digits.

    Raises:
        InputError: no such bucket, no access, or S3 out of reach.
    """
    digest = sha256_of(path)
    key = weights_key(digest)
    client = boto3.client("s3")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    try:
        if client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)["KeyCount"]:
            return digest
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task(f"weights {digest[:12]}", total=path.stat().st_size)
            client.upload_file(str(path), bucket, key, Callback=lambda sent: progress.advance(task, sent))
    except (BotoCoreError, ClientError, S3UploadFailedError) as error:
        raise InputError(explain(error, bucket, client.meta.endpoint_url)) from error
    return digest


if __name__ == "__main__":
    sys.exit(main())
