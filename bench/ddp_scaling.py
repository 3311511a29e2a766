"""Scaling of distributed training: images a second of two processes against one, each with one thread, on two cores.

The training program trains all layers of a ResNet-18 on 240 digits at 128 px. Epochs after the first count, by their
own figures, so that start and data loading are left out. Two processes compute the same model (BatchNorm over the
global batch) and exchange 11 million gradients and the statistics of 20 layers a step.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.result import BenchmarkResult
from local_aws.ports import free_port
from tools.dataset.digits import write

ROUNDS, EPOCHS, BATCH, SIDE = 2, 2, 120, 128
PER_CLASS = {"train": 24, "valid": 2, "test": 2}
GOAL = 1.7


def run() -> BenchmarkResult:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "digits")
        for split, count in PER_CLASS.items():
            for label in (folder / "digits" / split).iterdir():
                for path in sorted(label.iterdir())[count:]:
                    path.unlink()
        pairs = [(_rate(folder, 1, at), _rate(folder, 2, at)) for at in range(ROUNDS)]
    one, two = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(ours / peer for peer, ours in pairs)
    note = f"ResNet-18, {SIDE} px, batch {BATCH}, median of {ROUNDS} pairs; peer: the same program as one process"
    return BenchmarkResult("ddp-scaling", round(two, 1), round(one, 1), "images/s", round(ratio, 3), GOAL, note)


def _rate(folder: Path, world: int, round_: int) -> float:
    """Training and validation images a second, averaged over the epochs after the first."""
    output = folder / f"{world}-{round_}"
    port = free_port()
    command = [
        sys.executable, "-m", "training", "--data", str(folder / "digits"), "--output", str(output),
        "--architecture", "resnet18", "--image-size", str(SIDE), "--epochs", str(EPOCHS), "--batch-size", str(BATCH),
        "--augment", "shift",
    ]  # fmt: skip
    processes = []
    for rank in range(world):
        where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank), "WORLD_SIZE": str(world)}
        environment = os.environ | where | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
        processes.append(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL))
    if any([process.wait() for process in processes]):
        raise RuntimeError(f"training in {world} processes failed")
    metrics = json.loads((output / "output" / "data" / "metrics.json").read_text())
    images = metrics["images"]["train"] + metrics["images"]["valid"]
    return float(statistics.mean(images / epoch["seconds"] for epoch in metrics["epochs"][1:]))
