"""Results of benchmarks, and paired timing of two programs."""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDER = Path("out/bench")


@dataclass(frozen=True)
class BenchmarkResult:
    """Result of one benchmark: `ours` and `peer` in `unit`; `ratio` is how many times better than the peer we are.

    `goal` is the minimum ratio. `holds` is true if the conditions of the goal (equal accuracy, a memory limit) were
    met; the note names them.
    """

    name: str
    ours: float
    peer: float
    unit: str
    ratio: float
    goal: float
    note: str
    holds: bool = True

    @property
    def met(self) -> bool:
        return self.holds and self.ratio >= self.goal

    def write(self) -> Path:
        FOLDER.mkdir(parents=True, exist_ok=True)
        path = FOLDER / f"{self.name}.json"
        fields = asdict(self)
        note = fields.pop("note")
        fields.pop("holds")
        path.write_text(json.dumps({**fields, "met": self.met, "note": note}, indent=2) + "\n")
        return path


def seconds(name: str, ours: float, peer: float, goal: float, note: str, holds: bool = True) -> BenchmarkResult:
    """Result in seconds, where less is better."""
    return BenchmarkResult(name, round(ours, 2), round(peer, 2), "s", round(peer / ours, 3), goal, note, holds)


def paired_medians(
    ours: Callable[[], object],
    peer: Callable[[], object],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[float, float]:
    """Median seconds of both programs, run alternately so that a change of the machine's speed affects both.

    The first round is not counted. With `clock` time.process_time, other programs on the machine do not count.
    """
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for times, action in zip(taken, (ours, peer), strict=True):
            start = clock()
            action()
            if number:
                times.append(clock() - start)
    return statistics.median(taken[0]), statistics.median(taken[1])
