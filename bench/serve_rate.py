"""Answers a second of an endpoint instance (ResNet-50, 500 × 375 JPEGs, 32 clients), beside TorchServe and the engine.

The model is served in int8 by us and in fp32 eager mode, TorchServe's default, by the peer. Both servers run while each
is loaded in turn; the median of the rounds counts. The load generator is a process that takes the same share of the
machine from both; the note has it.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence

from bench.result import BenchmarkResult
from bench.serve_load import Load, put_under_load
from bench.serve_model import Model, model
from bench.serve_ours import Served, served
from bench.serve_peer import pack, torchserve

ROUNDS, CLIENTS, SECONDS = 3, 32, 10.0
MAX_P99, MAX_MB, MAX_LOSS = 1.0, 200, 0.005


def default() -> BenchmarkResult:
    """Compare with TorchServe with its defaults."""
    return _beside_torchserve("serve-rate-default", 10.0, tuned=False)


def tuned() -> BenchmarkResult:
    """Compare with TorchServe with one thread a worker."""
    return _beside_torchserve("serve-rate-tuned", 4.3, tuned=True)


def limit() -> BenchmarkResult:
    """Compare with the bare engine at full load."""
    with served(model().folder) as ours:
        engines, loads, used = [], [], 0.0
        for _ in range(ROUNDS):
            before = ours.processor()
            loads.append(_load(ours.url))
            used += ours.processor() - before
            engines.append(run_engine(model()))
        rate, engine = (statistics.median(found[name] for found in engines) for name in ("rate", "processor"))
        note = (
            f"peer: decode ahead, infer full batches, {1000 * engine:.1f} ms of processor an image; "
            f"ours {1000 * used / sum(load.answers for load in loads):.1f} ms an answer"
        )
        return _result("serve-limit", 0.95, loads, rate, note, ours)


def _beside_torchserve(name: str, goal: float, *, tuned: bool) -> BenchmarkResult:
    folder = model().weights.parent
    archive = pack(model().weights, folder / "store")
    with served(model().folder) as ours, torchserve(archive, folder / name, tuned=tuned) as url:
        loads, peers = zip(*((_load(ours.url), _load(url)) for _ in range(ROUNDS)), strict=True)
        rate, p99 = (statistics.median(getattr(peer, field) for peer in peers) for field in ("rate", "p99"))
        how = "1 thread a worker" if tuned else "defaults"
        return _result(name, goal, loads, rate, f"peer: TorchServe 0.12, {how}, p99 {p99:.2f} s", ours)


def _load(url: str) -> Load:
    return put_under_load(url, model().photos, CLIENTS, SECONDS)


def run_engine(model: Model) -> dict[str, float]:
    """Images a second of the bare engine (`rate`), and processor seconds an image (`processor`)."""
    command = [sys.executable, "-m", "bench.peers.bare_engine", str(model.folder), str(model.photos), str(SECONDS)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def _result(name: str, goal: float, loads: Sequence[Load], peer: float, note: str, ours: Served) -> BenchmarkResult:
    rate, p99, generator = (
        statistics.median(getattr(load, field) for load in loads) for field in ("rate", "p99", "processor")
    )
    answered = all(load.statuses.keys() == {"200"} for load in loads)
    accuracy, memory = model().accuracy, ours.memory
    exact = accuracy["fp32"] - accuracy["int8"] <= MAX_LOSS
    note = (
        f"{note}; ours p99 {p99:.2f} s (under {MAX_P99:g}), {memory:.0f} MB (at most {MAX_MB}), "
        f"digits fp32 {accuracy['fp32']:.4f}, int8 {accuracy['int8']:.4f} (at most {MAX_LOSS} less); "
        f"load generator {1000 * generator:.1f} ms an answer"
    )
    holds = p99 < MAX_P99 and memory <= MAX_MB and exact and answered
    return BenchmarkResult(name, round(rate, 1), round(peer, 1), "req/s", round(rate / peer, 2), goal, note, holds)
