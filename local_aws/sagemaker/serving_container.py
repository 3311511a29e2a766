"""Stand-in for the entry point of AWS's Ray Serve image; a program, one process per endpoint instance.

    serving_container.py MODEL_FOLDER PORT RAY_FOLDER

Like the image, it puts the model folder on PYTHONPATH, handles code/requirements.txt, starts Ray, and deploys the
folder's config.yaml. The differences are these. It runs this environment's Python. Wheels are not installed; they must
be installed here in the same version. The HTTP port is an argument, and there is no adapter in front of it: with
RAYSERVE_BACKEND_URL, which tells the image's adapter where the replica listens, the replica listens at that port.
"""

import importlib.metadata
import os
import re
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
_DEPLOY_SECONDS = 60


def check_requirements(requirements: Path) -> list[str]:
    """Sentences on packages that code/requirements.txt pins and this environment lacks."""
    if not requirements.exists():
        return []
    missing = []
    for name, version in _PIN.findall(requirements.read_text()):
        try:
            here = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            here = "none"
        if here != version:
            missing.append(f"the archive needs {name}=={version}; this environment has {here}")
    return missing


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _failure(client: Any, application: str) -> str:
    """Wait until the application runs; returns the reason if it does not, else "".

    Ray's own waiting does not detect a failed application.
    """
    deadline = time.monotonic() + _DEPLOY_SECONDS
    while time.monotonic() < deadline:
        status = client.get_serve_status(application).app_status
        if status.status == "DEPLOY_FAILED":
            return str(status.message)
        if status.status == "RUNNING":
            return ""
        time.sleep(0.1)
    return f"still {status.status} after {_DEPLOY_SECONDS} s"


def main() -> int:
    model, port, ray_folder = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    if problems := check_requirements(model / "code/requirements.txt"):
        print("cannot install requirements: " + "; ".join(problems), flush=True)
        return 1
    config_file = model / "config.yaml"
    if not config_file.exists():
        print("the model archive has no config.yaml", flush=True)
        return 1

    proxy_port = port
    if "RAYSERVE_BACKEND_URL" in os.environ:
        os.environ |= {
            "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(port),
            "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(port + 1),
        }
        proxy_port = _free_port()

    import ray
    import yaml
    from ray.serve._private.api import serve_start
    from ray.serve.config import HTTPOptions
    from ray.serve.schema import ServeDeploySchema

    ray.init(
        address="local",
        include_dashboard=False,
        num_gpus=0,
        object_store_memory=100 * 2**20,
        _node_ip_address="127.0.0.1",  # Ray then listens on loopback only
        _temp_dir=ray_folder,  # not the shared default; short, for socket paths
        log_to_driver=True,
    )
    client = serve_start(http_options=HTTPOptions(host="127.0.0.1", port=proxy_port))
    print("ray is up", flush=True)
    config = ServeDeploySchema.model_validate(yaml.safe_load(config_file.read_text()))
    client.deploy_apps(config)
    for application in config.applications:
        if problem := _failure(client, application.name):
            print(f"{application.name} is not deployed: {problem}", flush=True)
            return 1
    print("serving", flush=True)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    ended.wait()
    ray.shutdown()
    return 0


if __name__ == "__main__":
    sys.path[0] = os.environ["PYTHONPATH"]  # the archive's modules, never the project's
    sys.exit(main())
