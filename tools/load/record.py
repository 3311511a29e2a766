"""Record of one load test: every call, instances over time, and its JSON file."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tools.load.engine import TimedCall
from tools.load.watch import Observation

FOLDER = Path("out/load")
MAX_BINS = 120


@dataclass
class Record:
    """Data of one load test. All times are seconds from its start; `result` holds the figures by name."""

    mode: str
    endpoint: str
    instance_type: str
    options: dict[str, Any]
    calls: list[TimedCall] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)

    def add(self, calls: list[TimedCall], since: float) -> None:
        """Add calls whose times are relative to second `since` of the run."""
        self.calls += [TimedCall(call.due + since, call.sent + since, call.ended + since, call.error) for call in calls]

    def write(self, folder: Path) -> Path:
        """Write everything, the times of each call included, to `<mode>.json`; returns its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.mode}.json"
        calls = {name: [_short(getattr(call, name)) for call in self.calls] for name in TimedCall._fields}
        text = json.dumps({**self.figures(), "instances": [asdict(s) for s in self.observations], "calls": calls})
        path.write_text(text + "\n")
        return path

    @classmethod
    def read(cls, path: Path) -> "Record":
        """Read what `write` has written.

        Raises:
            ValueError, KeyError, TypeError: the file is no such record.
        """
        fields = json.loads(path.read_text())
        observations = [Observation(**each) for each in fields.pop("instances")]
        calls = fields.pop("calls")
        columns = [calls[name] for name in TimedCall._fields]
        return cls(**fields, calls=[TimedCall(*call) for call in zip(*columns, strict=True)], observations=observations)

    def figures(self) -> dict[str, Any]:
        """Everything but the single calls and observations."""
        return {name: value for name, value in vars(self).items() if name not in ("calls", "observations")}

    def over_time(self, maximum: int = MAX_BINS) -> list["Bin"]:
        """Equal bins of a second or more, up to `maximum` of them; a bin in which no request was due is left out."""
        if not self.calls:
            return []
        due = np.array([call.due for call in self.calls])
        ended = np.array([call.ended for call in self.calls])
        failed = np.array([bool(call.error) for call in self.calls])
        width = max(1.0, float(np.ceil(ended.max() / maximum)))
        bins = []
        for start in np.arange(0, ended.max(), width):
            here = (due >= start) & (due < start + width)
            now = (ended >= start) & (ended < start + width)
            if here.any():
                p50, p99 = np.percentile((ended - due)[here], [50, 99])
                offered, served, errors = (float(which.sum()) / width for which in (here, now & ~failed, now & failed))
                instances = self._instances(start + width)
                bins.append(Bin(float(start), offered, served, errors, float(p50), float(p99), instances))
        return bins

    def _instances(self, second: float) -> int:
        """Number of instances in service at `second`, by the last observation before it."""
        return next((s.instances for s in reversed(self.observations) if s.seconds <= second), 0)


@dataclass(frozen=True)
class Bin:
    """Part of a run that begins at `second`: rates in requests a second, latencies (seconds) of requests due in it."""

    second: float
    offered: float
    served: float
    failed: float
    p50: float
    p99: float
    instances: int


def _short(value: float | str) -> float | str:
    return value if isinstance(value, str) else round(value, 4)
