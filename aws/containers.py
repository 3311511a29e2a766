"""The containers that jobs and endpoints run in: AWS's own, for jobs by the instance's hardware.

Source: AWS Deep Learning Containers, "Available images" (2026-11). The training image holds the torch that
pyproject.toml pins; the serving image the ray.
"""

import json
from dataclasses import dataclass

from aws.instances import Instance

# The serving image's adapter speaks to the one replica itself, past Ray Serve's proxy and router,
# which take a third of the processor's time. The replica has one port, and has it again when it is started anew.
_REPLICA_PORT = 8001
REPLICA_ANSWERS = {
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(_REPLICA_PORT),
    "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(_REPLICA_PORT + 1),  # exclusive
    "RAY_SERVE_PORT_QUARANTINE_S": "0",
    "RAYSERVE_BACKEND_URL": f"http://127.0.0.1:{_REPLICA_PORT}",
    "RAYSERVE_BACKEND_TIMEOUT": "60",  # seconds; SageMaker's own limit
}
# Ray starts as many worker processes as it has processors, while it starts itself, and each imports Ray Serve for over
# a second once it has work. Serve uses four, one after the other: controller, proxy, the task that reads config.yaml,
# replica. With four that have imported it already, an instance serves 2 to 3 seconds sooner.
WORKERS_READY = {
    "RAY_OVERRIDE_RESOURCES": json.dumps({"CPU": 4}),
    "RAY_worker_maximum_startup_concurrency": "4",
    "RAY_preload_python_modules": "ray.serve._private.replica",
}
SERVING_ENVIRONMENT = REPLICA_ANSWERS | WORKERS_READY


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


def serving_container(account: str) -> Container:
    """Ray Serve 2.59.0, Python 3.13; for CPUs, as the wheels in a model's archive are."""
    return Container(account=account, repository="ray", tag="serve-ml-sagemaker-cpu-v1.5")
