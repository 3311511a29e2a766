"""Conversion of weights on the user's machine: to a safetensors file with the layers and the backbone as ONNX."""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.errors import InputError
from training.model import build, classifier
from training.networks import NETWORKS, OWN
from training.onnx_files import FEATURES, HEIGHT, IMAGES, WIDTH, export_backbone
from training.settings import Hyperparameters
from training.weights import SUFFIX, write

# Layers for the losses beside the last one's, and SqueezeNet's last layer, which is another here.
_LEFT_OUT = {
    "googlenet": ("aux1.", "aux2."),
    "inception_v3": ("AuxLogits.",),
    "squeezenet1_0": ("classifier.1.",),
    "squeezenet1_1": ("classifier.1.",),
}
# DenseNet's names in files of before 2018, torchvision's own among them: torchvision/models/densenet.py
_OLD_DENSENET = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\.\w+)$")
_ANY_SIZE = 224  # px, suggested for a backbone that takes any


def convert(path: Path, architecture: str, folder: Path) -> Path:
    """Writes the weights of a network, from a .safetensors file or one of torch.save, into the folder.

    Raises:
        InputError: unreadable, with more in it than tensors, or another network's.
    """
    settings = Hyperparameters(architecture)
    model = build(settings, 1, None).eval()
    [last] = [name for name, module in model.named_modules() if module is classifier(model)]
    state = _layers(_read(path), (f"{last}.", *_LEFT_OUT.get(architecture, ())))
    if damaged := sum(not np.isfinite(layer).all() for layer in state.values()):
        raise InputError(f"{path} has values that are no numbers, in {damaged} layers: save the weights again")
    try:
        model = build(settings, 1, state).eval()
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return pack(model, architecture, folder)


def pack(model: nn.Module, architecture: str, folder: Path) -> Path:
    """Writes a network's weights file into the folder; the model loses its last layer."""
    network = NETWORKS[architecture]
    export_backbone(folder / "backbone.onnx", model, architecture)
    layers = _layers(model.state_dict(), ())
    target = folder / f"{architecture}{SUFFIX}"
    size = network.size if network.fixed else None
    write(target, layers, folder / "backbone.onnx", architecture=architecture, image_size=size)
    (folder / "backbone.onnx").unlink()
    return target


def convert_backbone(path: Path, folder: Path) -> tuple[int, Path]:
    """Image size, and the weights file of an ONNX backbone, which is written into the folder.

    Raises:
        InputError: not a network from images to features.
    """
    try:
        network, size = _named(path)
        adopted = folder / "backbone.onnx"
        adopted.write_bytes(network.SerializeToString())
        del network
        if not _works(adopted, size or _ANY_SIZE):
            raise InputError(f"{path} gives no numbers for two grey images: its weights are damaged, export it again")
    except InputError:
        raise
    except Exception as error:  # those of ONNX, protobuf and ONNX Runtime have no common class
        raise InputError(f"{path} is no ONNX file that can be used: {_first_line(error)}") from None
    target = folder / f"{path.stem}{SUFFIX}"
    write(target, {}, adopted, architecture=OWN, image_size=size or None)
    adopted.unlink()
    return size or _ANY_SIZE, target


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _read(path: Path) -> Mapping[str, Tensor]:
    """Tensors of a file, by name; nothing in it is run."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == SUFFIX:
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(f"{path} is no state dict: {_first_line(error)}") from None
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"{path} is no state dict: save it with torch.save(model.state_dict(), …)")
    return state


def _layers(state: Mapping[str, Tensor], left_out: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Layers by torchvision's names, in float32, without whole numbers (`training.model.load`)."""
    named = {_OLD_DENSENET.sub(r"\1\2", name): value for name, value in state.items()}
    return {
        name: value.detach().float().contiguous().numpy()
        for name, value in named.items()
        if value.is_floating_point() and not name.startswith(left_out)
    }


def _named(path: Path) -> tuple[Any, int]:
    """The network with input `images` and output `features`, and its image size, px; 0 if it takes any."""
    import onnx
    import onnx.compose

    network = onnx.load(path)
    # its own names could be those that it gets here, or those of the head that a training adds
    onnx.compose.add_prefix(network, "backbone/", rename_functions=False, inplace=True)
    graph = network.graph
    weights = {weight.name for weight in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    types = [value.type.tensor_type for value in (*inputs, *graph.output)]
    sides = [kind.shape.dim for kind in types]
    if (len(inputs), len(graph.output)) != (1, 1) or [len(shape) for shape in sides] != [4, 2]:
        raise InputError(
            f"{path} has other inputs or outputs than images [n, 3, height, width] and features [n, features]: "
            "export the network without its last layer"
        )
    if any(kind.elem_type != onnx.TensorProto.FLOAT for kind in types):
        raise InputError(f"{path} takes or gives other numbers than float32: export it with float32 on both sides")
    images, features = sides
    if images[1].dim_value != 3:
        raise InputError(f"{path} takes no RGB images [n, 3, height, width]: export it so")
    if images[0].dim_value:
        raise InputError(
            f"{path} takes no batches of RGB images, but {images[0].dim_value} at a time: "
            "export it with a dynamic first axis, of input and output"
        )
    if not features[1].dim_value:
        raise InputError(f"{path} does not say how many features it gives: export it with a dynamic first axis alone")
    if images[2].dim_value != images[3].dim_value:
        raise InputError(f"{path} takes images of {images[3].dim_value} × {images[2].dim_value} px, no squares")
    names = {inputs[0].name: IMAGES, graph.output[0].name: FEATURES}
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    inputs[0].name, graph.output[0].name = IMAGES, FEATURES
    for side, name in ((images[2], HEIGHT), (images[3], WIDTH)):
        if not side.dim_value:
            side.dim_param = name
    return network, images[2].dim_value


def _works(network: Path, size: int) -> bool:
    """True if it gives features for each of two grey images."""
    import onnxruntime

    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    [features] = session.run([FEATURES], {IMAGES: np.zeros((2, 3, size, size), np.float32)})
    return len(features) == 2 and bool(np.isfinite(features).all())
