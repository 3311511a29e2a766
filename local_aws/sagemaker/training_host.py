"""Training instance: the container's folders, its processes and its log stream."""

import contextlib
import json
import logging
import os
import queue
import re
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local_aws.container import namespaces
from local_aws.processes import AS_PROCESS_1, MARKER, ProcessGroup, clean_environment
from local_aws.sagemaker.host_names import HostNames
from local_aws.service import now, plain
from training.machine import cores

# Environment variable that names the function to run if the job has no command of its own.
TOOLKIT_PROGRAM = "SAGEMAKER_TRAINING_MODULE"
INPUT_MODES = ("File", "FastFile")
_CONTAINER_BASE = "/opt/ml"
_SHIP_SECONDS = 0.5
_logger = logging.getLogger(__name__)


class TrainingHost:
    """Instance `rank` (from 0) of a job with `world` instances.

    Its folder stands for the container's /opt/ml. A process cannot have its own /opt/ml without a container, so paths
    in the job's environment and command are rewritten to the folder. SAGEMAKER_BASE_DIR, which SageMaker's training
    toolkit reads too, holds its path.
    """

    def __init__(self, folder: Path, rank: int, world: int) -> None:
        self.name = f"algo-{rank + 1}"
        self.folder = folder / self.name
        self._world = world
        for part in ("input/config", "input/data", "model", "output/data"):
            (self.folder / part).mkdir(parents=True)

    def configure(self, request: dict[str, Any]) -> None:
        """Write the container's input/config files.

        Source: "How Amazon SageMaker AI Provides Training Information", SageMaker developer guide.
        """
        hosts = [f"algo-{n + 1}" for n in range(self._world)]
        files = {
            "hyperparameters": request.get("HyperParameters", {}),
            "resourceconfig": {
                "current_host": self.name,
                "hosts": hosts,
                "current_instance_type": request["ResourceConfig"]["InstanceType"],
                "network_interface_name": "lo",
            },
            "inputdataconfig": {
                channel["ChannelName"]: {
                    "TrainingInputMode": input_mode(request, channel),
                    "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                        "S3DataDistributionType", "FullyReplicated"
                    ),
                    "RecordWrapperType": channel.get("RecordWrapperType", "None"),
                }
                for channel in request.get("InputDataConfig", [])
            },
        }
        for name, content in files.items():
            (self.folder / f"input/config/{name}.json").write_text(json.dumps(content, indent=1))

    def start(
        self,
        request: dict[str, Any],
        job: str,
        master_port: int,
        credentials: dict[str, str],
        names: HostNames | None = None,
    ) -> ProcessGroup:
        """Start the job's entry point as process 1; `credentials` are empty under network isolation, as on AWS.

        Without `names`, the other instances are found by MASTER_ADDR.
        """
        command = [self._local(part) for part in _command(request)]
        variables = {name: self._local(value) for name, value in request.get("Environment", {}).items()}
        command = [*(names.command if names else []), *command]
        environment = clean_environment(
            os.environ[MARKER],
            TRAINING_JOB_NAME=job,
            SAGEMAKER_BASE_DIR=str(self.folder),
            **({} if names else {"MASTER_ADDR": "127.0.0.1"}),
            MASTER_PORT=str(master_port),
            OMP_NUM_THREADS=str(max(1, cores() // self._world)),
            PYTHONUNBUFFERED="1",
            TMPDIR=os.environ["TMPDIR"],
            **credentials,
            **variables,
        )
        # `python3` is this one.
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment.get('PATH', os.defpath)}"
        contained = namespaces()
        first = AS_PROCESS_1 if contained else ()
        return ProcessGroup([*first, *command], environment=environment, cwd=self.folder, contained=contained)

    def failure(self) -> str:
        """Text of output/failure, of which SageMaker reads the first 1,024 characters; "" without the file."""
        path = self.folder / "output/failure"
        return plain(path.read_text(errors="replace"))[:1024].strip() if path.exists() else ""

    def local_path(self, path: str) -> Path:
        """Local path that stands for `path` in the container."""
        return Path(self._local(path))

    def _local(self, text: str) -> str:
        return re.sub(rf"{_CONTAINER_BASE}(?=/|$)", str(self.folder), text)


def input_mode(request: dict[str, Any], channel: dict[str, Any]) -> str:
    """Input mode of a channel: its own, or the job's.

    Source: InputMode of "Channel", SageMaker API reference.
    """
    return str(channel.get("InputMode", request["AlgorithmSpecification"]["TrainingInputMode"]))


def _command(request: dict[str, Any]) -> list[str]:
    """Command of the job; without one, a bash script, as the image's, that runs the training toolkit.

    Source: start_with_right_hostname.sh of aws/deep-learning-containers.
    """
    algorithm = request["AlgorithmSpecification"]
    if "ContainerEntrypoint" in algorithm:
        return [*algorithm["ContainerEntrypoint"], *algorithm.get("ContainerArguments", [])]
    module, _, function = request["Environment"][TOOLKIT_PROGRAM].partition(":")
    toolkit = f"import importlib; importlib.import_module({module!r}).{function}()"
    # Two commands: in place of a last one, bash would become the program.
    return ["bash", "-c", 'python3 -c "$0"; exit $?', toolkit]


class LogShipper:
    """Sends a program's output lines to a CloudWatch log stream, as the job's role.

    A role that may not write logs ends nothing, as on AWS: the lines are not there, and a warning says why, once.
    """

    def __init__(self, logs: Any, group: str, stream: str, on_line: Callable[[str], None]) -> None:
        self._logs, self._group, self._stream, self._on_line = logs, group, stream, on_line
        self._lines: queue.SimpleQueue[tuple[int, str] | None] = queue.SimpleQueue()
        self._warned = False
        self._create_stream()
        self._sender = threading.Thread(target=self._send_all, name=f"logs-{stream}", daemon=True)
        self._sender.start()

    def follow(self, lines: Any) -> threading.Thread:
        """Read `lines`, the output of a process, to the end in a thread."""

        def read() -> None:
            for line in lines:
                text = line.rstrip("\n")
                self._on_line(text)
                self._lines.put((int(time.time() * 1000), text or " "))
            self._lines.put(None)

        reader = threading.Thread(target=read, name=f"read-{self._stream}", daemon=True)
        reader.start()
        return reader

    def finish(self) -> None:
        """Wait up to 30 s until every line has been sent."""
        self._sender.join(timeout=30)

    def _create_stream(self) -> None:
        try:
            with contextlib.suppress(self._logs.exceptions.ResourceAlreadyExistsException):
                self._logs.create_log_group(logGroupName=self._group)
            with contextlib.suppress(self._logs.exceptions.ResourceAlreadyExistsException):  # of a container that ended
                self._logs.create_log_stream(logGroupName=self._group, logStreamName=self._stream)
        except ClientError as error:
            self._warn(error)

    def _send_all(self) -> None:
        open_ = True
        while open_:
            time.sleep(_SHIP_SECONDS)
            batch: list[tuple[int, str]] = []
            while not self._lines.empty() and len(batch) < 1000:
                line = self._lines.get()
                if line is None:
                    open_ = False
                else:
                    batch.append(line)
            if batch:
                self._send(batch)

    def _send(self, batch: list[tuple[int, str]]) -> None:
        try:
            self._logs.put_log_events(
                logGroupName=self._group,
                logStreamName=self._stream,
                logEvents=[{"timestamp": stamp, "message": text} for stamp, text in batch],
            )
        except Exception as error:
            self._warn(error)

    def _warn(self, error: Exception) -> None:
        if not self._warned:
            _logger.warning("log stream %s of %s lacks lines: %s", self._stream, self._group, error)
        self._warned = True


def stream_name(job: str, host: str) -> str:
    return f"{job}/{host}-{int(now().timestamp())}"
