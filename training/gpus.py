"""GPUs of this machine; with several, one process for each, started by torchrun in place of this one. No torch."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from training.environment import Process, cores

DRIVER = Path("/proc/driver/nvidia/gpus")  # one folder a GPU, there without importing torch


def gpus() -> int:
    """GPUs of this machine that CUDA_VISIBLE_DEVICES leaves."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([name for name in visible.split(",") if name.strip() not in ("", "-1")])
    return len(list(DRIVER.iterdir())) if DRIVER.is_dir() else 0


def one_process_a_gpu(process: Process, arguments: Sequence[str]) -> None:
    """Becomes torchrun; returns where there is nothing to divide, or torchrun has started this process already.

    Args:
        process: this machine among the machines of the run.

    Source: torchrun (Elastic Launch), PyTorch documentation.
    """
    if gpus() < 2 or "RANK" in os.environ:
        return
    command = [
        sys.executable, "-m", "torch.distributed.run",
        "--nnodes", str(process.world), "--node-rank", str(process.rank), "--nproc-per-node", str(gpus()),
        "--master-addr", process.master, "--master-port", str(process.port),
        "-m", "training", *arguments,
    ]  # fmt: skip
    interface = process.interface
    variables = {name: interface for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME") if interface}
    variables["OMP_NUM_THREADS"] = str(max(1, cores() // gpus()))  # torchrun would set 1
    sys.stdout.flush()
    os.execve(sys.executable, command, {**variables, **os.environ})  # noqa: S606
