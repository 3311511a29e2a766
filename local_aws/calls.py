"""Records the authorised and denied API calls of roles as JSON lines: evidence for the IAM contract."""

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from local_aws.home import private

# Condition keys that the contract's policies use; the rest of a request's context is left out of the record.
CONDITIONS = (
    "cloudwatch:namespace",
    "iam:PassedToService",
    "kms:GrantIsForAWSResource",
    "kms:ViaService",
    "s3:prefix",
    "sagemaker:NetworkIsolation",
    "sagemaker:TaggingAction",
)


@dataclass(frozen=True)
class Call:
    """One IAM decision: was `role` (a name) allowed `action` on `resource` (an ARN, or `*`)?"""

    role: str
    action: str
    resource: str
    allowed: bool
    conditions: Mapping[str, str] = field(default_factory=dict, hash=False)


class Recorder:
    """Writes each distinct call once to `path`, which is emptied first.

    What a full disk does not take is written with a later call, when there is room again.
    """

    def __init__(self, path: Path) -> None:
        self._file = private(path).open("wb", buffering=0)  # others read the file meanwhile
        self._known: set[str] = set()
        self._unwritten = b""
        self._lock = threading.Lock()

    def record(self, call: Call) -> None:
        line = json.dumps(asdict(call), sort_keys=True)
        with self._lock:
            if line not in self._known:
                self._known.add(line)
                self._unwritten += f"{line}\n".encode()
            while self._unwritten:
                try:
                    self._unwritten = self._unwritten[self._file.write(self._unwritten) :]
                except OSError:
                    return


def read(path: Path) -> list[Call]:
    """Read the calls in `path`, in the order in which each was first made."""
    return [Call(**json.loads(line)) for line in path.read_text().splitlines()]
