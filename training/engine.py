"""Engines for a frozen backbone: PyTorch on a GPU, else the fastest installed engine for processors.

OpenVINO computes bf16 if the processor can, and takes the least memory; ONNX Runtime, which the program brings to
AWS's images, is as fast in fp32 and int8; PyTorch takes twice their time and three times their memory.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.environment import Process
from training.errors import InputError
from training.machine import gpus, processor
from training.memory import give_back_memory, require_free
from training.networks import OWN
from training.onnx_files import FEATURES, HEIGHT, IMAGES, WIDTH
from training.packages import available
from training.precision import choose_precision, has_bf16
from training.preparation import preprocessing
from training.quantise import MIN_SPEEDUP, CannotQuantise, quantise
from training.settings import Hyperparameters
from training.weights import backbone_bytes, read, write_backbone

_BATCH = 4  # images; more are no faster on a CPU, and take memory
_GPU_BATCH = 128
_MIN_LIKENESS = 0.99  # of int8 features to those of fp32; trained networks reach 0.9999
_Run = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Engine:
    """A backbone ready to run.

    Attributes:
        name: engine and precision, for people.
        device: for people.
        run: turns images, float32 [n, 3, size, size], into features, float32 [n, features]; n is at most `batch`.
        features: number of them.
    """

    name: str
    device: str
    run: _Run
    features: int
    batch: int = _BATCH


def open_engine(
    weights: Path, settings: Hyperparameters, *, process: Process, threads: int, images: int,
    calibration: Callable[[], np.ndarray],
) -> Engine:  # fmt: skip
    """The backbone with these weights, on the GPU of this process or on `threads` cores.

    Args:
        images: number of images it will run on; each view counts.
        calibration: returns images that set the ranges of int8, uint8 [n, size, size, 3]; called for int8 only.

    Raises:
        InputError: weights that cannot be used, or a precision that this machine lacks.
    """
    if settings.precision != "int8" and settings.architecture != OWN and has_gpu(process):
        return _pytorch(weights, settings, process, threads)
    require_free(backbone_bytes(weights), settings.architecture)
    for name, engine in (("openvino", _openvino), ("onnxruntime", _onnxruntime)):
        if available(name):
            bf16 = name == "openvino" and has_bf16()
            if settings.precision == "bf16" and not bf16:
                raise _no_bf16("this CPU" if name == "openvino" else "ONNX Runtime")
            precision = choose_precision(settings, bf16=bf16, images=images, threads=threads)
            with _network(weights, settings, precision, calibration) as (network, precision):
                opened = engine(network, precision, threads, settings.image_size)
            give_back_memory()
            return opened
    if settings.architecture == OWN:
        raise InputError(f"architecture={OWN} needs the Python package onnxruntime: install it")
    if settings.precision == "int8":
        raise InputError("precision=int8 needs the Python package onnxruntime: install it, or set auto")
    return _pytorch(weights, settings, process, threads)


def has_gpu(process: Process) -> bool:
    """True if PyTorch has a GPU for this process. PyTorch is imported only if the driver lists a GPU."""
    if not gpus():
        return False
    from training.device import choose

    return choose(process).type == "cuda"


@contextmanager
def _network(
    weights: Path, settings: Hyperparameters, precision: str, calibration: Callable[[], np.ndarray]
) -> Iterator[tuple[Path, str]]:
    """The backbone as an ONNX file, and its precision: int8 chosen by `auto` must give nearly the same features."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "backbone.onnx"
        write_backbone(weights, path)
        if precision != "int8":
            yield path, precision
            return
        int8 = path.with_name("int8.onnx")
        try:
            made = quantise(path, int8, calibration(), preprocessing(settings))
            good = made.likeness >= _MIN_LIKENESS and made.speedup >= MIN_SPEEDUP
        except CannotQuantise as error:
            if settings.precision == "int8":
                raise InputError(f"precision=int8: {error}; set auto") from None
            good = False
        yield (int8, "int8") if good or settings.precision == "int8" else (path, "fp32")


def _openvino(network: Path, precision: str, threads: int, size: int) -> Engine:
    import openvino

    core = openvino.Core()
    options = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": "1",
        # pinned, the processes of one machine would all choose the same cores
        "ENABLE_CPU_PINNING": False,
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
    }
    model = core.read_model(network)
    model.reshape([-1, 3, size, size])
    request = core.compile_model(model, "CPU", options).create_infer_request()
    return Engine(
        f"OpenVINO {precision}",
        processor(threads),
        lambda images: request.infer({0: images})[0].copy(),
        model.output(0).partial_shape[1].get_length(),
    )


def _onnxruntime(network: Path, precision: str, threads: int, size: int) -> Engine:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    for side in (HEIGHT, WIDTH):
        options.add_free_dimension_override_by_name(side, size)
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    return Engine(
        f"ONNX Runtime {precision}",
        processor(threads),
        lambda images: session.run([FEATURES], {IMAGES: images})[0],
        session.get_outputs()[0].shape[1],
    )


def _pytorch(weights: Path, settings: Hyperparameters, process: Process, threads: int) -> Engine:
    import torch

    from training.device import arithmetic, choose, described, moved, place
    from training.model import build, classifier, replace

    torch.set_num_threads(threads)
    device = choose(process)
    wanted = nullcontext if settings.precision == "fp32" else lambda: arithmetic(device)
    with wanted():
        has_bf16 = torch.is_autocast_enabled(device.type)
    if settings.precision == "bf16" and not has_bf16:
        raise _no_bf16("this GPU" if device.type == "cuda" else "PyTorch on this machine")
    model = build(settings, 1, read(weights)).eval()
    last = classifier(model)
    replace(model, last, torch.nn.Identity())
    placed = place(model, device, settings.image_size)

    def run(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode(), wanted():
            found: np.ndarray = placed(moved(torch.from_numpy(images), device)).float().cpu().numpy()
        return found

    where, batch = ("on the GPU ", _GPU_BATCH) if device.type == "cuda" else ("", _BATCH)
    return Engine(
        f"PyTorch {where}{'bf16' if has_bf16 else 'fp32'}", described(device, threads), run, last.in_features, batch
    )


def _no_bf16(what: str) -> InputError:
    return InputError(f"precision=bf16: {what} computes no bf16; set auto or fp32")
