"""The calls that roles made, one JSON line for each distinct decision: evidence for the IAM contract."""

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

# The condition keys that the contract's policies ask for; the rest of a request's context is noise to a reader.
CONDITIONS = (
    "cloudwatch:namespace",
    "iam:PassedToService",
    "kms:GrantIsForAWSResource",
    "kms:ViaService",
    "s3:prefix",
    "sagemaker:TaggingAction",
)


@dataclass(frozen=True)
class Call:
    """One decision: whether `role` (a name) may do `action` on `resource` (an ARN, or `*`)."""

    role: str
    action: str
    resource: str
    allowed: bool
    conditions: Mapping[str, str] = field(default_factory=dict, hash=False)


class Recorder:
    """Appends calls to `path`, which it empties first; a decision that is known already is not written again."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", buffering=1)  # a line is on disk when it is written: readers look while we run
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def record(self, call: Call) -> None:
        line = json.dumps(asdict(call), sort_keys=True)
        with self._lock:
            if line not in self._known:
                self._known.add(line)
                self._file.write(line + "\n")


def read(path: Path) -> list[Call]:
    """The calls in `path`, in the order in which they were first made."""
    return [Call(**json.loads(line)) for line in path.read_text().splitlines()]
