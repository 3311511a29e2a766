"""Cores and GPUs of this machine, and one process for each of several GPUs. Imports no PyTorch."""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from training.environment import Process
from training.stop import run_stoppable

DRIVER = Path("/proc/driver/nvidia/gpus")  # one folder a GPU


def cores() -> int:
    """CPU cores available to this process; a container or a sandbox can have fewer than the machine."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def own_cores(process: Process) -> int:
    """CPU cores for this process: OMP_NUM_THREADS, else an equal share with the other processes on this machine.

    The first number counts in a list such as "4,2", which OpenMP reads as levels of nested loops.
    """
    text = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if text.isdecimal() and int(text):
        return int(text)
    return max(1, cores() // process.local_world)


def processor(threads: int) -> str:
    """Name of the processor as a training's device, with its threads."""
    return f"cpu, {threads} thread{'s' if threads > 1 else ''}"


def gpus() -> int:
    """Number of GPUs of this machine that CUDA_VISIBLE_DEVICES allows."""
    return len(visible_gpus())


def driver_version() -> str:
    """Version of the GPUs' driver, such as 550.54.15."""
    text = DRIVER.with_name("version").read_text() if DRIVER.with_name("version").exists() else ""
    found = re.search(r"\b\d+\.\d+(\.\d+)?\b", text)
    return found[0] if found else "unknown"


def visible_gpus() -> list[str]:
    """Names of those GPUs in CUDA_VISIBLE_DEVICES."""
    names = os.environ.get("CUDA_VISIBLE_DEVICES")
    if names is not None:
        return [name for name in names.split(",") if name.strip() not in ("", "-1")]
    return [str(number) for number in range(len(list(DRIVER.iterdir())))] if DRIVER.is_dir() else []


def share_of_gpus(part: int, parts: int) -> list[str]:
    """GPUs for number `part`, from 0, of `parts` simultaneous runs; with fewer GPUs than runs, some share one."""
    names = visible_gpus()
    return names[part::parts] or names[part % len(names) :][:1] if names else []


def one_process_a_gpu(process: Process, arguments: Sequence[str]) -> None:
    """Runs torchrun, which starts a process for each GPU, and ends this process with its exit code.

    Returns if there are fewer than two GPUs, or if torchrun has started this process.

    Args:
        process: this machine among the machines of the run.
        arguments: of the command line, for the new processes.

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
    # Not in its place: as process 1 of a container it would ignore SIGTERM for the seconds that PyTorch's import takes.
    sys.exit(run_stoppable(command, {**variables, **os.environ}))
