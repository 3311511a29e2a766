"""torchvision's ResNet as data, and as an ONNX network made from its weights. Imports no PyTorch.

BatchNorm is folded into the convolution before it: https://arxiv.org/abs/1712.05877, section 3.2.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from onnx import GraphProto, ModelProto, TensorProto, helper, numpy_helper

# statistics of ImageNet, which torchvision's weights were trained with
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
DEPTHS = {"resnet10": (1, 1, 1, 1), "resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3), "resnet50": (3, 4, 6, 3)}
LAST_STAGE = "layer4."
OPSET, IR_VERSION = 17, 8
EPSILON = 1e-5  # of BatchNorm
_GRAPH_FIELD = bytes([7 << 3 | 2])  # ModelProto.graph, with its length
LENGTH_BYTES = 5  # of that length, 7 bits in each


@dataclass(frozen=True)
class Conv:
    """A convolution and the BatchNorm after it; `kernel` and `stride` in pixels."""

    name: str
    norm: str
    inputs: int
    outputs: int
    kernel: int
    stride: int = 1


@dataclass(frozen=True)
class Block:
    """A residual block: convolutions one after the other, added to the input or to `shortcut` of it."""

    path: list[Conv]
    shortcut: Conv | None


STEM = Conv("conv1", "bn1", 3, 64, 7, 2)


def blocks(architecture: str) -> Iterator[Block]:
    """The residual blocks from input to output."""
    bottleneck = architecture == "resnet50"
    channels = STEM.outputs
    for stage, depth in enumerate(DEPTHS[architecture]):
        width = 64 * 2**stage
        outputs = width * (4 if bottleneck else 1)
        for number in range(depth):
            name = f"layer{stage + 1}.{number}."
            stride = 2 if stage and not number else 1
            # (kernel, outputs, stride); torchvision strides in the 3 × 3 of a bottleneck
            basic = [(3, width, stride), (3, outputs, 1)]
            steps = [(1, width, 1), (3, width, stride), (1, outputs, 1)] if bottleneck else basic
            path, inputs = [], channels
            for i, (kernel, made, step) in enumerate(steps, 1):
                path.append(Conv(f"{name}conv{i}", f"{name}bn{i}", inputs, made, kernel, step))
                inputs = made
            matching = Conv(f"{name}downsample.0", f"{name}downsample.1", channels, outputs, 1, stride)
            yield Block(path, matching if stride > 1 or channels != outputs else None)
            channels = outputs


def feature_count(architecture: str) -> int:
    """Number of features of an image: outputs of the layer before the last."""
    return list(blocks(architecture))[-1].path[-1].outputs


def shapes(architecture: str) -> dict[str, tuple[int, ...]]:
    """Shape of each weight before the last layer, by torchvision's name."""
    convs = [STEM]
    for block in blocks(architecture):
        convs += block.path + ([block.shortcut] if block.shortcut else [])
    found: dict[str, tuple[int, ...]] = {}
    for conv in convs:
        found[f"{conv.name}.weight"] = (conv.outputs, conv.inputs, conv.kernel, conv.kernel)
        for part in ("weight", "bias", "running_mean", "running_var"):
            found[f"{conv.norm}.{part}"] = (conv.outputs,)
    return found


def write_backbone(path: Path, architecture: str, state: Mapping[str, np.ndarray], size: int) -> None:
    """ONNX file from `images`, float32 [n, 3, size, size], to `features`, float32 [n, features]."""
    with _Graph(path, state) as graph:
        graph.features(architecture, "features")
        graph.declare(size, "features", feature_count(architecture))


def write_classifier(path: Path, architecture: str, state: Mapping[str, np.ndarray], size: int) -> None:
    """ONNX file from `images`, float32 [n, 3, size, size], to `probabilities`, float32 [n, classes].

    Args:
        state: weights by torchvision's names, the last layer's, fc.*, among them.
    """
    with _Graph(path, state) as graph:
        features = graph.features(architecture, "features")
        weight, bias = (graph.constant(name, state[name]) for name in ("fc.weight", "fc.bias"))
        logits = graph.add("Gemm", [features, weight, bias], "logits", transB=1)
        graph.add("Softmax", [logits], "probabilities", axis=1)
        graph.declare(size, "probabilities", len(state["fc.bias"]))


class _Graph:
    """An ONNX file in the making: each part is written at once, so that the weights are never in memory twice.

    A message is its fields one after the other, the graph's behind its length, which is known last:
    https://protobuf.dev/programming-guides/encoding/
    """

    def __init__(self, path: Path, state: Mapping[str, np.ndarray]) -> None:
        self._state = state
        self._file = path.open("wb")
        opsets = [helper.make_opsetid("", OPSET)]
        self._file.write(ModelProto(ir_version=IR_VERSION, opset_import=opsets).SerializeToString() + _GRAPH_FIELD)
        self._start = self._file.tell() + LENGTH_BYTES
        self._file.write(bytes(LENGTH_BYTES))

    def __enter__(self) -> "_Graph":
        return self

    def __exit__(self, *_: object) -> None:
        with self._file:  # closed on a full disk too, whose room it would keep
            length = self._file.tell() - self._start
            self._file.seek(self._start - LENGTH_BYTES)
            groups = [length >> 7 * i & 0x7F for i in range(LENGTH_BYTES)]
            self._file.write(bytes(group | 0x80 for group in groups[:-1]) + bytes(groups[-1:]))

    def features(self, architecture: str, name: str) -> str:
        """All layers before the last; the name of the result, [n, features]."""
        x = self.add("Relu", [self._conv(STEM, "images")], "stem")
        x = self.add("MaxPool", [x], "pooled", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2])
        for block in blocks(architecture):
            shortcut = self._conv(block.shortcut, x) if block.shortcut else x
            for conv in block.path[:-1]:
                x = self.add("Relu", [self._conv(conv, x)], f"{conv.name}.relu")
            last = block.path[-1]
            total = self.add("Add", [self._conv(last, x), shortcut], f"{last.name}.sum")
            x = self.add("Relu", [total], f"{last.name}.relu")
        x = self.add("GlobalAveragePool", [x], "averaged")
        return self.add("Flatten", [x], name)

    def constant(self, name: str, value: np.ndarray) -> str:
        self._write(GraphProto(initializer=[numpy_helper.from_array(value.astype(np.float32), name)]))
        return name

    def add(self, operator: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """Adds an operator whose result has the name."""
        self._write(GraphProto(node=[helper.make_node(operator, inputs, [name], name, **attributes)]))
        return name

    def declare(self, size: int, output: str, outputs: int) -> None:
        """Declares input and output."""
        images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, size, size])
        result = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", outputs])
        self._write(GraphProto(name="resnet", input=[images], output=[result]))

    def _conv(self, conv: Conv, x: str) -> str:
        weight, bias, mean, variance = (
            self._state[f"{conv.norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = weight / np.sqrt(variance + EPSILON)
        kernel = self.constant(f"{conv.name}.weight", self._state[f"{conv.name}.weight"] * scale[:, None, None, None])
        shift = self.constant(f"{conv.name}.bias", bias - mean * scale)
        sides, steps, margins = [conv.kernel] * 2, [conv.stride] * 2, [conv.kernel // 2] * 4
        return self.add("Conv", [x, kernel, shift], conv.name, kernel_shape=sides, strides=steps, pads=margins)

    def _write(self, part: GraphProto) -> None:
        self._file.write(part.SerializeToString())
