"""What a run did, second by second, and its JSON."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tools.load.engine import Call
from tools.load.watch import Sighting

FOLDER = Path("out/load")
MOST_BINS = 120


@dataclass
class Record:
    """One run against an endpoint; all seconds count from its start. `result` is what it comes to, by name."""

    mode: str
    endpoint: str
    instance_type: str
    options: dict[str, Any]
    calls: list[Call] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)

    def add(self, calls: list[Call], since: float) -> None:
        """Calls whose seconds count from `since`."""
        self.calls += [Call(call.due + since, call.sent + since, call.ended + since, call.error) for call in calls]

    def write(self, folder: Path) -> Path:
        """Everything, each call's seconds included, as `<mode>.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.mode}.json"
        fields = {name: value for name, value in vars(self).items() if name not in ("calls", "sightings")}
        calls = {name: [_short(getattr(call, name)) for call in self.calls] for name in Call._fields}
        text = json.dumps({**fields, "instances": [asdict(s) for s in self.sightings], "calls": calls})
        path.write_text(text + "\n")
        return path

    def over_time(self, most: int = MOST_BINS) -> list["Bin"]:
        """The run in at most so many equal parts of a second or more; a part in which nothing was due is left out."""
        if not self.calls:
            return []
        due = np.array([call.due for call in self.calls])
        ended = np.array([call.ended for call in self.calls])
        failed = np.array([bool(call.error) for call in self.calls])
        width = max(1.0, float(np.ceil(ended.max() / most)))
        bins = []
        for start in np.arange(0, ended.max(), width):
            here = (due >= start) & (due < start + width)
            now = (ended >= start) & (ended < start + width)
            if here.any():
                p50, p99 = np.percentile((ended - due)[here], [50, 99])
                offered, served, lost = (float(which.sum()) / width for which in (here, now & ~failed, now & failed))
                instances = self._instances(start + width)
                bins.append(Bin(float(start), offered, served, lost, float(p50), float(p99), instances))
        return bins

    def _instances(self, second: float) -> int:
        """How many served at a second, as last seen before it."""
        return next((s.instances for s in reversed(self.sightings) if s.seconds <= second), 0)


@dataclass(frozen=True)
class Bin:
    """A part of a run that begins at `second`; rates in requests a second, latencies of what was due in it."""

    second: float
    offered: float
    served: float
    failed: float
    p50: float
    p99: float
    instances: int


def _short(value: float | str) -> float | str:
    return value if isinstance(value, str) else round(value, 4)
