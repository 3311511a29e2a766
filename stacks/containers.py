"""The containers that jobs and endpoints run in: AWS's own, by the instance's hardware.

Source: AWS Deep Learning Containers, "Available images" (2026-11). The training image holds the torch that
pyproject.toml pins; the serving image the ray.
"""

from dataclasses import dataclass

from stacks.instances import Instance


@dataclass(frozen=True)
class Container:
    """`repository:tag` in the registry of `account`, AWS's in the region."""

    account: str
    repository: str
    tag: str

    @property
    def name(self) -> str:
        """The same in every region."""
        return f"{self.account}/{self.repository}:{self.tag}"

    def address(self, *, region: str, domain: str) -> str:
        """Where SageMaker pulls it."""
        return f"{self.account}.dkr.ecr.{region}.{domain}/{self.repository}:{self.tag}"


def training_container(account: str, instance: Instance) -> Container:
    """PyTorch 2.13.0, torchvision 0.28.0, Python 3.12."""
    tag = "2.13-cu133-amzn2023-sagemaker" if instance.gpu else "2.13-cpu-amzn2023-sagemaker"
    return Container(account=account, repository="pytorch", tag=tag)


def serving_container(account: str, instance: Instance) -> Container:
    """Ray Serve 2.59.0, Python 3.13."""
    tag = "serve-ml-sagemaker-cuda-v1.5" if instance.gpu else "serve-ml-sagemaker-cpu-v1.5"
    return Container(account=account, repository="ray", tag=tag)
