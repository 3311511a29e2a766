"""Networks as ONNX files: exported by PyTorch, and a head added to a backbone without PyTorch."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from onnx import GraphProto, ModelProto, TensorProto, helper, numpy_helper

from training.networks import NETWORKS

if TYPE_CHECKING:
    from torch import nn

OPSET = 17
IMAGES, FEATURES, PROBABILITIES = "images", "features", "probabilities"
COUNT, HEIGHT, WIDTH = "n", "height", "width"  # sides that are not fixed


def export_classifier(path: Path, model: nn.Module, size: int) -> None:
    """ONNX file of a trained network, from `images`, float32 [n, 3, size, size], to `probabilities`, [n, classes]."""
    from torch import nn

    _export(path, nn.Sequential(model, nn.Softmax(1)), size, PROBABILITIES, {0: COUNT})


def export_backbone(path: Path, model: nn.Module, architecture: str) -> None:
    """ONNX file of a network without its last layer, from `images` to `features`, float32 [n, features].

    Images are of any size, unless the network takes one only. The model loses its last layer.
    """
    from torch import nn

    from training.model import classifier, replace

    network = NETWORKS[architecture]
    replace(model, classifier(model), nn.Identity())
    free = {0: COUNT} if network.fixed else {0: COUNT, 2: HEIGHT, 3: WIDTH}
    _export(path, model, network.size, FEATURES, free)


def add_head(path: Path, weight: np.ndarray, bias: np.ndarray) -> None:
    """Adds a linear layer, `weight` [classes, features], and `probabilities` to a backbone's file, in place.

    Nothing of the backbone is read: a message that follows another in a file is merged with it
    (https://protobuf.dev/programming-guides/encoding/, "Last One Wins"), so the memory is that of the head.
    """
    head = GraphProto(
        node=[
            helper.make_node("Gemm", [FEATURES, "head.weight", "head.bias"], ["logits"], "head", transB=1),
            helper.make_node("Softmax", ["logits"], [PROBABILITIES], PROBABILITIES, axis=1),
        ],
        initializer=[numpy_helper.from_array(weight, "head.weight"), numpy_helper.from_array(bias, "head.bias")],
        output=[helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, [COUNT, len(bias)])],
    )
    with path.open("ab") as file:
        file.write(ModelProto(graph=head).SerializeToString())


def _export(path: Path, model: nn.Module, size: int, output: str, free: dict[int, str]) -> None:
    import torch

    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # ONNX has no operator for the attention of evaluations
    try:
        with warnings.catch_warnings():
            # the exporter's successor needs packages that AWS's image lacks; the tests compare the results
            warnings.simplefilter("ignore")
            torch.onnx.export(
                model.eval(),
                (torch.zeros(1, 3, size, size),),
                str(path),
                dynamo=False,
                opset_version=OPSET,
                input_names=[IMAGES],
                output_names=[output],
                dynamic_axes={IMAGES: free, output: {0: COUNT}},
            )
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
