"""int8 from an ONNX network: weights by channel, activations by the range they take on calibration images.

`python -m training.quantise NETWORK TARGET PIXELS`: a process of its own, as ONNX Runtime takes 600 MB for a ResNet-50.
"""

import logging
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from serving.preprocessing import normalise
from training.memory import peak_mb
from training.resnet import MEAN, STD


class CannotQuantise(Exception):
    """There is no int8 network; the message says why."""


def quantise(network: Path, target: Path, pixels: np.ndarray) -> float:
    """Writes the int8 network to `target`; the most memory that took, MB.

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
    return float(done.stdout.split()[-1])


def _quantise_here(network: Path, target: Path, pixels: np.ndarray) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Inputs(CalibrationDataReader):
        """Network inputs, one a time: more take more memory and are no faster."""

        def __init__(self) -> None:
            self._inputs: Iterator[np.ndarray] = (normalise(image[np.newaxis], MEAN, STD) for image in pixels)

        def get_next(self) -> dict[str, np.ndarray] | None:
            images = next(self._inputs, None)
            return None if images is None else {"images": images}

    # it recommends to fold BatchNorm first, which the network has none of
    logging.getLogger().setLevel(logging.ERROR)
    quantize_static(
        network,
        target,
        Inputs(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        # 7 bits: with 8, a CPU without VNNI overflows, and the endpoint may run on one though the training did not
        reduce_range=True,
    )


if __name__ == "__main__":
    _quantise_here(Path(sys.argv[1]), Path(sys.argv[2]), np.load(sys.argv[3], mmap_mode="r"))
    print(peak_mb())
