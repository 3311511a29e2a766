"""Images a second of a scoring job's program (ResNet-50 int8, 500 × 375 JPEGs), beside the bare engine.

Both run in turn, and the medians count. The time to load the model, which a job needs once, is left out of both rates.
The note has the processor time an image, which other load on the machine hardly changes; ours includes the start.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from bench.result import BenchmarkResult
from bench.serve_model import model
from bench.serve_rate import run_engine

ROUNDS, IMAGES, GOAL = 3, 1000, 0.8


def run() -> BenchmarkResult:
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        _prepare(base)
        ours, engines, used = [], [], []
        for _ in range(ROUNDS):
            before = _processor()
            ours.append(_score(base))
            used.append((_processor() - before) / IMAGES)
            engines.append(run_engine(model()))
    rate, engine = statistics.median(ours), statistics.median(found["rate"] for found in engines)
    note = (
        "peer: decode ahead, infer full batches, "
        f"{1000 * statistics.median(found['processor'] for found in engines):.1f} ms of processor an image; "
        f"ours {1000 * statistics.median(used):.1f} ms, for {IMAGES} files read, decoded, classified, written as JSON"
    )
    return BenchmarkResult(
        "score-rate", round(rate, 1), round(engine, 1), "images/s", round(rate / engine, 2), GOAL, note
    )


def _prepare(base: Path) -> None:
    """The folders of a processing job's container, in `base`."""
    photos = sorted(model().photos.rglob("*.jpg"))
    for part in ("config", "processing/model", "processing/images"):
        (base / part).mkdir(parents=True)
    (base / "config/resourceconfig.json").write_text('{"current_host": "algo-1", "hosts": ["algo-1"]}')
    for number in range(IMAGES):
        os.link(photos[number % len(photos)], base / f"processing/images/{number}.jpg")
    with tarfile.open(base / "processing/model/model.tar.gz", "w:gz", compresslevel=1) as archive:
        for file in model().folder.iterdir():
            archive.add(file, file.name)


def _processor() -> float:
    """Processor seconds of the programs that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _score(base: Path) -> float:
    """Images a second of all of its processes together."""
    shutil.rmtree(base / "processing/results", ignore_errors=True)
    command = [sys.executable, "-m", "serving.score"]
    environment = {**os.environ, "SAGEMAKER_BASE_DIR": str(base)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    shares = [event for event in events if event["event"] == "share"]
    if sum(share["images"] for share in shares) != IMAGES:
        raise RuntimeError(f"not every image was scored: {done.stdout}")
    return float(IMAGES / max(share["seconds"] for share in shares))
