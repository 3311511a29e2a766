"""Device of the network: the GPU of this process if the machine has one, else the processor.

On a GPU: bf16 autocast, for its tensor cores; losses stay float32. On a processor float32, so that results are the same
on every machine.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from training.environment import Process
from training.errors import InputError
from training.machine import DRIVER, driver_version, gpus, processor

_CHANNELS_LAST_FROM = 64  # pixels, on a processor


def choose(process: Process) -> torch.device:
    """GPU with the process's number among those of this machine, or the processor.

    Raises:
        InputError: the machine has a GPU that PyTorch cannot use; on the processor it would be paid for nothing.
    """
    if not torch.cuda.is_available():
        if gpus() and DRIVER.is_dir():
            raise InputError(
                f"this machine has a GPU, and PyTorch cannot use it: driver {driver_version()}, PyTorch "
                f"{torch.__version__} for CUDA {torch.version.cuda or '(none)'}. Take a driver for that CUDA, or "
                "another instance type; with CUDA_VISIBLE_DEVICES= (empty) it trains on the processor"
            )
        return torch.device("cpu")
    return torch.device("cuda", process.rank % process.local_world % torch.cuda.device_count())


def described(device: torch.device, threads: int) -> str:
    """Name of the device for people: the GPU's, or the processor with its threads."""
    return processor(threads) if device.type == "cpu" else torch.cuda.get_device_name(device)


def memory_format(device: torch.device, size: int) -> torch.memory_format:
    """The layout of networks and images of `size` pixels in which the device is fastest (docs/benchmarks.md)."""
    if device.type == "cpu" and size < _CHANNELS_LAST_FROM:
        return torch.contiguous_format
    return torch.channels_last


def place(model: nn.Module, device: torch.device, size: int) -> nn.Module:
    """The model on the device, in the memory layout that suits it and images of `size` pixels."""
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True  # all batches have one or two shapes
    return model.to(device, memory_format=memory_format(device, size))  # type: ignore[call-overload, no-any-return]


def arithmetic(device: torch.device) -> AbstractContextManager[object]:
    """Context in which a GPU with bf16 computes in bf16; other devices compute in float32."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()


def moved(values: Tensor, device: torch.device) -> Tensor:
    """The values on the device, copied from page-locked memory while the previous step runs."""
    if device.type == "cpu":
        return values
    if not values.is_pinned():
        values = values.pin_memory()
    if values.dim() == 4 and values.is_floating_point():
        return values.to(device, non_blocking=True, memory_format=torch.channels_last)
    return values.to(device, non_blocking=True)


def logits_of(model: nn.Module, images: Tensor) -> Tensor:
    """Logits of a network's input, float [n, classes]."""
    with arithmetic(images.device):
        logits: Tensor = model(images)
    # bf16 is too coarse for a loss; float64, in which processes are compared exactly, stays
    return logits if logits.dtype == torch.float64 else logits.float()
