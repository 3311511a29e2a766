"""The processes of the server: one for every few cores, each with the model in memory.

Environment variables:
    SAGEMAKER_BASE_DIR: folder in place of /opt/ml.
    UVICORN_HOST, UVICORN_PORT: address to listen at; 127.0.0.1, which the image sets to 0.0.0.0, and 8080.
    WEB_CONCURRENCY: number of processes.
"""

import os
import sys
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from serving import log
from serving.app import make_app
from serving.classifier import Classifier, ModelError

CORES_A_PROCESS = 4  # one process fills 2 with a ResNet-10 and 7 with a ResNet-18: docs/benchmarks.md
KEEP_ALIVE = 120  # seconds; longer than callers keep a connection, so that none is closed under a call
DRAIN = 25  # seconds for the calls in progress: SageMaker kills after 30


def serve() -> None:
    """Serve until SIGTERM; the calls in progress are answered.

    Raises:
        ModelError: the model cannot be loaded.
        SystemExit: the port is taken; the log says so.
    """
    processes = count()
    log.write("loading", processes=processes, threads=threads())
    classifier = _classifier()  # if others serve, too: a reason not to is then found once, and before they start
    if processes == 1:
        server = uvicorn.Server(_config(make_app(classifier)))
        server.run()
        if not server.started:
            sys.exit(STARTUP_FAILURE)
        return
    del classifier
    config = _config("serving.processes:one_of_several", factory=True, workers=processes)
    supervisor = Multiprocess(config, sockets=[config.bind_socket()])
    supervisor.run()
    if STARTUP_FAILURE in [process.exitcode for process in supervisor.processes]:
        raise ModelError(f"one of {processes} processes could not load the model, though the first could")


def one_of_several() -> ASGIApp:
    """The application of one of several processes."""
    try:
        return make_app(_classifier())
    except ModelError as error:
        log.write("failed", reason=str(error))
        sys.exit(STARTUP_FAILURE)  # any other way to end, and uvicorn would start it again without end


def count() -> int:
    """Number of processes: as many as fill the cores that this one may run on, or WEB_CONCURRENCY."""
    return int(os.environ.get("WEB_CONCURRENCY") or max(1, _cores() // CORES_A_PROCESS))


def threads() -> int:
    """Threads of one process: one a core."""
    return max(1, _cores() // count())


def _config(app: ASGIApp | str, **options: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=os.environ.get("UVICORN_HOST", "127.0.0.1"),
        port=int(os.environ.get("UVICORN_PORT", "8080")),
        log_config=log.UVICORN,
        access_log=False,
        lifespan="off",
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=DRAIN,
        **options,
    )


def _classifier() -> Classifier:
    folder = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "model"
    return Classifier(folder, threads=threads())


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
