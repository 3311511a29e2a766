"""Runs a frozen backbone: in OpenVINO where it is installed, which takes half the time and memory, else in PyTorch."""

import importlib.util
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.errors import InputError
from training.memory import give_back_memory
from training.quantise import CannotQuantise, quantise
from training.resnet import write_backbone
from training.settings import Settings
from training.weights import read

BATCH = 4  # images; more are no faster on a CPU, and take memory


@dataclass(frozen=True)
class Engine:
    """A backbone ready to run.

    Attributes:
        name: engine and precision, for people.
        run: images, float32 [n, 3, size, size], to features, float32 [n, features]; n is at most BATCH.
    """

    name: str
    run: Callable[[np.ndarray], np.ndarray]


def open_engine(weights: Path, settings: Settings, *, threads: int, calibration: Callable[[], np.ndarray]) -> Engine:
    """The backbone with these weights on `threads` cores.

    Args:
        calibration: makes the images to find the ranges of int8 with, uint8 [n, size, size, 3]; called for int8 only.

    Raises:
        InputError: weights that cannot be used, or a precision that this machine lacks.
    """
    if importlib.util.find_spec("openvino"):
        return _openvino(weights, settings, threads, calibration)
    if settings.precision in ("bf16", "int8"):
        raise InputError(f"precision={settings.precision} needs the Python package openvino: install it, or set auto")
    return _pytorch(weights, settings, threads)


def _openvino(weights: Path, settings: Settings, threads: int, calibration: Callable[[], np.ndarray]) -> Engine:
    import openvino

    core = openvino.Core()
    has_bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if settings.precision == "bf16" and not has_bf16:
        raise InputError("precision=bf16: this CPU computes no bf16; set auto or fp32")
    precision = settings.precision
    if precision == "auto":
        precision = "bf16" if has_bf16 else "fp32"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "backbone.onnx"
        write_backbone(path, settings.architecture, read(weights, settings.architecture), settings.image_size)
        if precision == "int8":
            quantised = path.with_name("int8.onnx")
            try:
                quantise(path, quantised, calibration())
            except CannotQuantise as error:
                raise InputError(f"precision=int8: {error}; set auto") from None
            path = quantised
        options = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": "1",
            # pinned, the processes of one machine would all choose the same cores
            "ENABLE_CPU_PINNING": False,
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        }
        compiled = core.compile_model(core.read_model(path), "CPU", options)
    give_back_memory()
    request = compiled.create_infer_request()
    return Engine(f"OpenVINO {precision}", lambda images: request.infer({0: images})[0].copy())


def _pytorch(weights: Path, settings: Settings, threads: int) -> Engine:
    import torch

    from training.model import build

    torch.set_num_threads(threads)
    model = build(settings, 1, read(weights, settings.architecture)).eval()
    model.fc = torch.nn.Identity()

    def run(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model(torch.from_numpy(images)).numpy()

    return Engine("PyTorch fp32", run)
