"""Synchronises a job's checkpoint folder with S3: downloads before the program starts, uploads while it runs.

Source: "Checkpoints in Amazon SageMaker AI", SageMaker developer guide; CheckpointConfig, SageMaker API reference.
"""

import contextlib
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from local_aws.service import invalid

_DEFAULT_PATH = "/opt/ml/checkpoints"
_EVERY_SECONDS = 2.0
Version = tuple[int, int]


def require_usable(request: dict[str, Any]) -> None:
    """Validate the spot and checkpoint settings of a request.

    Raises:
        ApiError: SageMaker refuses them, or local AWS cannot run them.
    """
    stopping = request["StoppingCondition"]
    if request.get("EnableManagedSpotTraining"):
        wait, run = stopping.get("MaxWaitTimeInSeconds"), stopping.get("MaxRuntimeInSeconds", 86400)
        if wait is None or wait < run:
            raise invalid(
                "Invalid MaxWaitTimeInSeconds. It must be present and be at least MaxRuntimeInSeconds when managed "
                "spot training is enabled."
            )
    elif "MaxWaitTimeInSeconds" in stopping:
        raise invalid("MaxWaitTimeInSeconds is for managed spot training only: set EnableManagedSpotTraining.")
    path = local_path(request)
    if path is not None and not path.startswith("/opt/ml/"):
        raise invalid(f"local AWS supports checkpoints under /opt/ml/ only, not in {path}.")


def local_path(request: dict[str, Any]) -> str | None:
    """Checkpoint folder in the container; None for a job without a CheckpointConfig."""
    config = request.get("CheckpointConfig")
    return config.get("LocalPath", _DEFAULT_PATH) if config else None


class CheckpointSync:
    """Context manager that uploads the instances' checkpoint files to `uri` with the role's `s3` client.

    Attributes:
        error: the error of the last upload, or None; a job whose checkpoints were not uploaded must fail.
    """

    def __init__(self, s3: Any, uri: str, folders: list[Path]) -> None:
        self._s3, self._folders = s3, folders
        location = urlparse(uri)
        self._bucket, self._prefix = location.netloc, location.path.strip("/")
        self._known: dict[Path, Version] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
        self.error: Exception | None = None

    def __enter__(self) -> "CheckpointSync":
        self._known = self._versions()  # downloaded files are not uploaded again
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop after a last upload of new and changed files."""
        self._ended.set()
        self._thread.join()
        self._copy()

    def _run(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS):
            self._copy()

    def _copy(self) -> None:
        """Upload every new or changed file; a removed file stays in S3, as on SageMaker."""
        try:
            for path, version in self._versions().items():
                if self._known.get(path) != version:
                    self._upload(path)
                    self._known[path] = version
            self.error = None
        except Exception as error:
            self.error = error

    def _upload(self, path: Path) -> None:
        [folder] = [folder for folder in self._folders if path.is_relative_to(folder)]
        with contextlib.suppress(FileNotFoundError):  # the program has just removed it
            self._s3.upload_file(str(path), self._bucket, f"{self._prefix}/{path.relative_to(folder).as_posix()}")

    def _versions(self) -> dict[Path, Version]:
        found = {}
        for folder in self._folders:
            for path in sorted(folder.rglob("*")):
                with contextlib.suppress(FileNotFoundError):
                    if path.is_file():
                        status = path.stat()
                        found[path] = (status.st_mtime_ns, status.st_size)
        return found
