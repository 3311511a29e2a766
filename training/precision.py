"""Arithmetic in which a processor runs the frozen layers: fp32, bf16 or int8."""

from functools import cache
from pathlib import Path

from training.networks import NETWORKS
from training.settings import Hyperparameters

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
    network = NETWORKS[settings.architecture]
    work = 1e9 * network.multiply_adds * (settings.image_size / network.size) ** 2
    seconds = images * work / (_A_SECOND * threads)
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
