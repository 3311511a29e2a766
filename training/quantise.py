"""Quantises an ONNX network to int8: weights by channel, activations by their range on calibration images.

`python -m training.quantise NETWORK TARGET IMAGES` runs in its own process: ONNX Runtime takes 600 MB for a ResNet-50.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from serving.preprocessing import Preprocessing
from training.environment import Process
from training.machine import own_cores
from training.memory import peak_mb
from training.onnx_files import IMAGES

MIN_SPEEDUP = 1.2  # by which int8 is worth its loss
MAX_COMPARED = 8  # images
_TIMED, _MAX_SECONDS = 20, 10.0  # runs of each network; enough where one takes long


class CannotQuantise(Exception):
    """No int8 network can be made; the message says why."""


@dataclass(frozen=True)
class Quantised:
    """Result of quantising.

    Attributes:
        memory_mb: peak memory.
        likeness: mean cosine between the outputs of both networks for some calibration images; 1 is the same.
        speedup: time of the network for an image by that of the int8 network, on this machine.
    """

    memory_mb: float
    likeness: float
    speedup: float


def quantise(network: Path, target: Path, pixels: np.ndarray, preprocessing: Preprocessing) -> Quantised:
    """Writes the int8 network to `target`.

    Args:
        pixels: calibration images, uint8 [n, size, size, 3].

    Raises:
        CannotQuantise: no ONNX Runtime, or too little memory.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        np.save(path, preprocessing.normalise(pixels))
        command = [sys.executable, "-m", "training.quantise", str(network), str(target), str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or [f"it was ended by signal {-done.returncode}"]
        raise CannotQuantise(f"quantising failed: {said[0]}")
    memory, likeness, speedup = done.stdout.split()[-3:]
    return Quantised(float(memory), float(likeness), float(speedup))


def _quantise_here(network: Path, target: Path, images: np.ndarray) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class CalibrationImages(CalibrationDataReader):
        """Network inputs, one a time: more take more memory and are no faster."""

        def __init__(self) -> None:
            self._inputs: Iterator[np.ndarray] = (image[np.newaxis] for image in images)

        def get_next(self) -> dict[str, np.ndarray] | None:
            one = next(self._inputs, None)
            return None if one is None else {IMAGES: one}

    prepared = target.with_name("prepared.onnx")
    quant_pre_process(network, prepared, skip_symbolic_shape=True)
    try:
        quantize_static(
            prepared,
            target,
            CalibrationImages(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            # 7 bits: with 8, a CPU without VNNI overflows, and the endpoint may run on one
            reduce_range=True,
        )
    finally:
        prepared.unlink()


def _compared(network: Path, other: Path, images: np.ndarray) -> tuple[float, float]:
    """Likeness of both networks' outputs, and speedup of the other."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = own_cores(Process())
    sessions = [onnxruntime.InferenceSession(path, options) for path in (network, other)]
    few = [images[i : i + 1] for i in range(min(MAX_COMPARED, len(images)))]
    one, two = (np.concatenate([session.run(None, {IMAGES: image})[-1] for image in few]) for session in sessions)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
    taken: list[list[float]] = [[], []]
    start = time.perf_counter()
    while len(taken[1]) < _TIMED and time.perf_counter() - start < _MAX_SECONDS:
        for session, times in zip(sessions, taken, strict=True):  # in turn, so that other load slows both
            before = time.perf_counter()
            session.run(None, {IMAGES: few[0]})
            times.append(time.perf_counter() - before)
    return float(((one * two).sum(1) / lengths).mean()), statistics.median(taken[0]) / statistics.median(taken[1])


if __name__ == "__main__":
    here, made, calibration = Path(sys.argv[1]), Path(sys.argv[2]), np.load(sys.argv[3], mmap_mode="r")
    _quantise_here(here, made, calibration)
    print(peak_mb(), *_compared(here, made, calibration))
