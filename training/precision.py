"""Arithmetic in which a processor runs the frozen layers: fp32, bf16 or int8."""

from functools import cache
from pathlib import Path

from training.settings import Hyperparameters

# Multiply-adds of an image of 224 × 224, from the table of torchvision's models; resnet10 counted likewise
_WORK = {"resnet10": 0.9e9, "resnet18": 1.8e9, "resnet34": 3.7e9, "resnet50": 4.1e9}
_SIDE = 224
# measured with ResNet-50: multiply-adds a second on a core in fp32; int8 is three times as fast; time to quantise
_A_SECOND = 45e9
_SAVED = 2 / 3
_QUANTISING_SECONDS = 6.0


def choose_precision(settings: Hyperparameters, *, bf16: bool, images: int, threads: int) -> str:
    """fp32, bf16 or int8, as set; auto takes bf16 if available, else int8 if that saves time.

    Args:
        bf16: True if engine and processor compute it.
        images: number of images that a process runs through the layers; each view counts.
    """
    if settings.precision != "auto":
        return settings.precision
    if bf16:
        return "bf16"
    seconds = images * _WORK[settings.architecture] * (settings.image_size / _SIDE) ** 2 / (_A_SECOND * threads)
    return "int8" if _has_fast_int8() and seconds * _SAVED > _QUANTISING_SECONDS else "fp32"


def has_bf16() -> bool:
    return not _instructions().isdisjoint({"avx512_bf16", "amx_bf16"})


def _has_fast_int8() -> bool:
    """True if the processor has instructions without which int8 is hardly faster than fp32."""
    return not _instructions().isdisjoint({"avx512_vnni", "avx_vnni"})


@cache
def _instructions() -> frozenset[str]:
    """Instruction sets of the processor, by Linux's names; empty on other systems."""
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text().splitlines() if cpus.exists() else []
    return frozenset(next((line.split(":")[1] for line in lines if line.startswith("flags")), "").split())
