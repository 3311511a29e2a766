"""A job's checkpoint folder, kept the same as its S3 prefix: down before the program starts, up while it runs.

Source: "Checkpoints in Amazon SageMaker AI", SageMaker developer guide; CheckpointConfig, SageMaker API reference.
"""

import contextlib
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from local_aws.service import ApiError

DEFAULT_PATH = "/opt/ml/checkpoints"
_EVERY_SECONDS = 2.0
Version = tuple[int, int]


def require_usable(request: dict[str, Any]) -> None:
    """Refuse (ApiError) a request whose spot or checkpoint settings SageMaker, or local AWS, cannot run."""
    stopping = request["StoppingCondition"]
    if request.get("EnableManagedSpotTraining"):
        wait, run = stopping.get("MaxWaitTimeInSeconds"), stopping.get("MaxRuntimeInSeconds", 86400)
        if wait is None or wait < run:
            raise ApiError(
                "ValidationException", "Invalid MaxWaitTimeInSeconds. It must be present and be at least "
                "MaxRuntimeInSeconds when managed spot training is enabled.",
            )  # fmt: skip
    elif "MaxWaitTimeInSeconds" in stopping:
        raise ApiError(
            "ValidationException", "MaxWaitTimeInSeconds is for managed spot training only: set "
            "EnableManagedSpotTraining.",
        )  # fmt: skip
    path = local_path(request)
    if path is not None and not path.startswith("/opt/ml/"):
        raise ApiError("ValidationException", f"local AWS keeps checkpoints under /opt/ml/ only, not in {path}.")


def local_path(request: dict[str, Any]) -> str | None:
    """The folder in the container that is kept in S3; None for a job without."""
    config = request.get("CheckpointConfig")
    return config.get("LocalPath", DEFAULT_PATH) if config else None


class CheckpointSync:
    """Copies files of the instances' folders to `uri` with the role's `s3` client; entered while the program runs.

    Attributes:
        error: what the last copying that failed said; a job whose checkpoints are lost must not look well.
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
        self._known = self._versions()  # what was fetched is there already
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Copies what is left, too."""
        self._ended.set()
        self._thread.join()
        self._copy()

    def _run(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS):
            self._copy()

    def _copy(self) -> None:
        """Uploads every file that is new or has changed; one that was removed stays in S3, as on SageMaker."""
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
        with contextlib.suppress(FileNotFoundError):  # the program has just replaced or removed it
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
