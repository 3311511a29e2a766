"""GPUs of this machine; with several, one process for each, started by torchrun in place of this one. No torch."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from training.environment import Process, cores

DRIVER = Path("/proc/driver/nvidia/gpus")  # one folder a GPU, there without importing torch


def gpus() -> int:
    """GPUs of this machine that CUDA_VISIBLE_DEVICES leaves."""
    return len(visible())


def visible() -> list[str]:
    """What CUDA_VISIBLE_DEVICES calls them."""
    names = os.environ.get("CUDA_VISIBLE_DEVICES")
    if names is not None:
        return [name for name in names.split(",") if name.strip() not in ("", "-1")]
    return [str(number) for number in range(len(list(DRIVER.iterdir())))] if DRIVER.is_dir() else []


def share(part: int, parts: int) -> list[str]:
    """The GPUs of one of several runs at a time, number `part` from 0; with fewer GPUs than runs, some share one."""
    names = visible()
    return names[part::parts] or names[part % len(names) :][:1] if names else []


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
