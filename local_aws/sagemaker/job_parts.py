"""Parts that training and processing jobs share: download from S3, encryption of uploads, the end of processes."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from local_aws.iam.principal import RoleSession
from local_aws.processes import MARKER, clean_environment
from local_aws.sagemaker.job import JobFailed

STOP_GRACE_SECONDS = 120.0  # SageMaker: SIGTERM, then 120 s, then SIGKILL
_REPOSITORY = Path(__file__).resolve().parents[2]


def fetch(session: RoleSession, uri: str, folders: list[Path], *flags: str) -> None:
    """Download the objects under `uri` once, as the role, and hard-link them into the other folders.

    Raises:
        JobFailed: S3 refused, or there is no object.
    """
    fetched = subprocess.run(
        [sys.executable, "-m", "local_aws.sagemaker.download", uri, folders[0], *flags],
        cwd=_REPOSITORY,
        env=clean_environment(os.environ[MARKER], **session.environment()),
        capture_output=True,
        text=True,
    )
    if fetched.returncode:
        raise JobFailed(f"ClientError: Data download failed: {fetched.stderr.strip()}")
    for folder in folders[1:]:
        shutil.copytree(folders[0], folder, copy_function=os.link)


def encrypted_by(key: str | None) -> dict[str, str] | None:
    """Arguments of an upload that the key encrypts; without one, the bucket decides."""
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else None


class Endable(Protocol):
    """A group of processes or a container, which a job has started."""

    def poll(self) -> int | None:
        """Exit code; None while it runs."""

    def end(self, grace_seconds: float, /) -> None:
        """Send SIGTERM, and SIGKILL after `grace_seconds`."""


def end_all(running: Iterable[Endable], grace_seconds: float) -> None:
    """End them all at the same time."""
    threads = [threading.Thread(target=each.end, args=(grace_seconds,)) for each in running]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
