"""Quantises an ONNX network to int8: weights by channel, activations by their range on calibration images.

`python -m training.quantise NETWORK TARGET PIXELS` runs in its own process: ONNX Runtime takes 600 MB for a ResNet-50.
"""

import logging
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from serving.preprocessing import normalise
from training.memory import peak_mb
from training.resnet import MEAN, STD

MAX_COMPARED = 8  # images


class CannotQuantise(Exception):
    """No int8 network can be made; the message says why."""


@dataclass(frozen=True)
class Quantised:
    """Result of quantising.

    Attributes:
        memory_mb: peak memory.
        likeness: mean cosine between the outputs of both networks for some calibration images; 1 is the same.
    """

    memory_mb: float
    likeness: float


def quantise(network: Path, target: Path, pixels: np.ndarray) -> Quantised:
    """Writes the int8 network to `target`.

    Args:
        pixels: calibration images, uint8 [n, size, size, 3].

    Raises:
        CannotQuantise: no ONNX Runtime, or too little memory.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pixels.npy"
        np.save(path, pixels)
        command = [sys.executable, "-m", "training.quantise", str(network), str(target), str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or [f"it was ended by signal {-done.returncode}"]
        raise CannotQuantise(f"quantising failed: {said[0]}")
    memory, likeness = done.stdout.split()[-2:]
    return Quantised(float(memory), float(likeness))


def _quantise_here(network: Path, target: Path, pixels: np.ndarray) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class CalibrationImages(CalibrationDataReader):
        """Network inputs, one a time: more take more memory and are no faster."""

        def __init__(self) -> None:
            self._inputs: Iterator[np.ndarray] = (normalise(image[np.newaxis], MEAN, STD) for image in pixels)

        def get_next(self) -> dict[str, np.ndarray] | None:
            images = next(self._inputs, None)
            return None if images is None else {"images": images}

    # it recommends folding BatchNorm first, but the network has none
    logging.getLogger().setLevel(logging.ERROR)
    quantize_static(
        network,
        target,
        CalibrationImages(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        # 7 bits: with 8, a CPU without VNNI overflows, and the endpoint may run on one
        reduce_range=True,
    )


def _likeness(network: Path, other: Path, pixels: np.ndarray) -> float:
    import onnxruntime

    images = normalise(pixels[:MAX_COMPARED], MEAN, STD)
    one, two = (onnxruntime.InferenceSession(path).run(None, {"images": images})[0] for path in (network, other))
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
    return float(((one * two).sum(1) / lengths).mean())


if __name__ == "__main__":
    here, made, calibration = Path(sys.argv[1]), Path(sys.argv[2]), np.load(sys.argv[3], mmap_mode="r")
    _quantise_here(here, made, calibration)
    print(peak_mb(), _likeness(here, made, calibration))
