"""Runs benchmarks, prints a table and writes out/bench/<name>.json. Exit code 1 if a goal is missed."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import boto3
from rich.console import Console
from rich.table import Table

from bench import (
    capacity_check,
    ddp_scaling,
    demo,
    destroy,
    ec2_training,
    gpu_train,
    http_front,
    iam_gate,
    image_size,
    input_pipeline,
    lambda_init,
    large_data,
    noop_deploy,
    score_rate,
    serve_overload,
    serve_rate,
    serve_start,
    synth,
    train_head,
    train_photos,
)
from bench.result import BenchmarkResult
from tools.cli import command
from training.machine import gpus

BENCHMARKS: dict[str, Callable[[], BenchmarkResult]] = {
    "synth": synth.run,
    "noop-deploy": noop_deploy.run,
    "destroy": destroy.run,
    "iam-gate": iam_gate.run,
    "ddp-scaling": ddp_scaling.run,
    "input-pipeline": input_pipeline.run,
    "demo": demo.run,
    "ec2-training": ec2_training.run,
    "large-data": large_data.run,
    "capacity-check": capacity_check.run,
    "train-original": train_head.original,
    "train-torchvision": train_head.torchvision,
    "train-photos": train_photos.run,
    "lambda-init": lambda_init.run,
    "http-front": http_front.run,
    "serve-rate-default": serve_rate.default,
    "serve-rate-tuned": serve_rate.tuned,
    "serve-limit": serve_rate.limit,
    "score-rate": score_rate.run,
    "serve-start": serve_start.run,
    "serve-overload": serve_overload.run,
    "image-size": image_size.run,
    "gpu-train": gpu_train.run,
}


@contextmanager
def _own_environment() -> Iterator[None]:
    """Restore the environment after a benchmark, which may set it for a local AWS that ends with it."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        boto3.DEFAULT_SESSION = None


@command
def main() -> int:
    os.environ["SLIPWAY_STAGES"] = os.devnull  # a stage of yours is not what is measured
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"benchmark to run: {', '.join(BENCHMARKS)}; default: all, gpu-train on a machine with a GPU",
    )
    names = parser.parse_args().names or [name for name in BENCHMARKS if name != "gpu-train" or gpus()]
    if unknown := [name for name in names if name not in BENCHMARKS]:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    console, results = Console(), []
    for name in names:
        console.print(f"▸ {name}")
        with _own_environment():
            results.append(BENCHMARKS[name]())
        results[-1].write()
    table = Table()
    for column in ("benchmark", "ours", "peer", "unit", "ratio", "goal", "met"):
        table.add_column(column)
    for r in results:
        table.add_row(r.name, f"{r.ours}", f"{r.peer}", r.unit, f"{r.ratio}", f"≥ {r.goal}", "✓" if r.met else "✗")
    console.print(table)
    for r in results:
        console.print(f"{r.name}: {r.note}", soft_wrap=True, highlight=False)
    return 0 if all(result.met for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
