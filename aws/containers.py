"""AWS's container images for training jobs and endpoints.

Source: AWS Deep Learning Containers, "Available images" (2026-11). The training image has the torch
version that pyproject.toml pins, the serving image the ray version.
"""

import json
from dataclasses import dataclass

from aws.instances import Instance

# The serving image's adapter calls the single replica directly. Ray Serve's proxy and router, which it skips, take a
# third of the CPU time. The replica has a single port, and gets it again after a restart.
_REPLICA_PORT = 8001
REPLICA_ANSWERS = {
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(_REPLICA_PORT),
    "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(_REPLICA_PORT + 1),  # exclusive
    "RAY_SERVE_PORT_QUARANTINE_S": "0",
    "RAYSERVE_BACKEND_URL": f"http://127.0.0.1:{_REPLICA_PORT}",
    "RAYSERVE_BACKEND_TIMEOUT": "60",  # seconds; SageMaker's own limit
}
# While it starts, Ray starts as many worker processes as it has CPUs. Each of them imports Ray Serve when it gets work,
# for over a second. Serve needs four, one after the other: controller, proxy, the task that reads config.yaml, replica.
# With four workers that have imported it before, an instance serves 2 to 3 seconds sooner.
WORKERS_READY = {
    "RAY_OVERRIDE_RESOURCES": json.dumps({"CPU": 4}),
    "RAY_worker_maximum_startup_concurrency": "4",
    "RAY_preload_python_modules": "ray.serve._private.replica",
}
SERVING_ENVIRONMENT = REPLICA_ANSWERS | WORKERS_READY


@dataclass(frozen=True)
class Container:
    """The image `repository:tag` in the regional registry of AWS's account `account`."""

    account: str
    repository: str
    tag: str

    @property
    def name(self) -> str:
        """Name without the region, for the model digest."""
        return f"{self.account}/{self.repository}:{self.tag}"

    def address(self, *, region: str, domain: str) -> str:
        """Address that SageMaker pulls the image from."""
        return f"{self.account}.dkr.ecr.{region}.{domain}/{self.repository}:{self.tag}"


def training_container(account: str, instance: Instance) -> Container:
    """Training image: PyTorch 2.13.0, torchvision 0.28.0, Python 3.12."""
    tag = "2.13-cu133-amzn2023-sagemaker" if instance.gpu else "2.13-cpu-amzn2023-sagemaker"
    return Container(account=account, repository="pytorch", tag=tag)


def serving_container(account: str) -> Container:
    """Serving image: Ray Serve 2.59.0, Python 3.13, CPU only, as the wheels in a model's archive."""
    return Container(account=account, repository="ray", tag="serve-ml-sagemaker-cpu-v1.5")
