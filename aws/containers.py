"""Container images: AWS's for training jobs, and one that somebody pushed for the endpoint.

Source: AWS Deep Learning Containers, "Available images" (2026-11). The training image has the torch
version that pyproject.toml pins.
"""

import re
from dataclasses import dataclass

from aws.instances import Instance

_REGISTRY = r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.[a-z][a-z0-9.-]+"
_PUSHED = re.compile(_REGISTRY + r"/(?P<repository>[a-z0-9][a-z0-9._/-]+)@(?P<digest>sha256:[0-9a-f]{64})")
# Type of the manifests that CreateModel takes; it refuses OCI's and lists of images:
# https://github.com/aws/amazon-sagemaker-feedback/issues/180
MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
PUSHED_FORM = "ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY@sha256:DIGEST"

COMMAND = ("python3", "-m", "training")  # of a training job's container
TOOLKIT_CALLS = {"SAGEMAKER_TRAINING_MODULE": "training.sagemaker_toolkit:train"}  # the function, where there is none
# Environment of a job that cannot name it, as in a tuning job. The image's entry point is a bash script: as process 1,
# it keeps SIGTERM from what it starts. But bash first reads the file that BASH_ENV expands to ("Bash Startup Files",
# Bash manual), which makes process 1 the training program. Where it does not, AWS's toolkit calls the function.
WITHOUT_COMMAND = {
    "BASH_ENV": f"$([ $$ != 1 ] || {{ file=$(mktemp) && echo exec {' '.join(COMMAND)} > $file && echo $file; }})",
    **TOOLKIT_CALLS,
}


@dataclass(frozen=True)
class Container:
    """The image `repository:tag` in the regional registry of AWS's account `account`."""

    account: str
    repository: str
    tag: str

    @property
    def name(self) -> str:
        """Name without region and account, for the model digest: every region has the same image."""
        return f"{self.repository}:{self.tag}"

    def address(self, *, region: str, domain: str) -> str:
        """Address that SageMaker pulls the image from."""
        return f"{self.account}.dkr.ecr.{region}.{domain}/{self.repository}:{self.tag}"


@dataclass(frozen=True)
class PushedImage:
    """An image in ECR, by its digest (`sha256:…`)."""

    account: str
    region: str
    repository: str
    digest: str

    @classmethod
    def parse(cls, address: str) -> "PushedImage":
        """Read an address. Raises ValueError with the reason if it is none, or names the image by a tag."""
        if found := _PUSHED.fullmatch(address):
            return cls(**found.groupdict())
        if "@" not in address and ":" in address.rpartition("/")[2]:
            raise ValueError(
                "names a tag, which can be moved to another image than the one that was tested, or that a roll-back "
                f"needs; name its digest, which `aws ecr describe-images --repository-name …` prints: {PUSHED_FORM}"
            )
        raise ValueError(f"must be {PUSHED_FORM}")


def training_container(account: str, instance: Instance) -> Container:
    """Training image: PyTorch 2.13.0, torchvision 0.28.0, Python 3.12."""
    tag = "2.13-cu133-amzn2023-sagemaker" if instance.gpu else "2.13-cpu-amzn2023-sagemaker"
    return Container(account=account, repository="pytorch", tag=tag)
