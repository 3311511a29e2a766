"""Memory that a training takes on a processor, and the EC2 instance types that have it.

The figures are fitted to measurements: docs/benchmarks.md, "Memory of a training", has each and says how.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from aws.ec2_types import EC2_TYPES
from training.networks import FLOAT_BYTES, NETWORKS

_MARGIN = 1.05  # measurements of one training differ by up to 6 %
_RESERVED_MIB = 128  # for kernel and system; what they need beyond goes to the swap of ec2/user_data.sh
_SIZES = (384, 256, 224, 192, 160, 128, 96, 64, 48, 32, 16)  # px, to choose from
_BATCHES = tuple(2**power for power in range(15, 0, -1))
_LAYERS = {"all": "all layers", "last-stage": "the last stage", "head": "the head"}


class _Megabytes(NamedTuple):
    """MB of the process that trains: alone, for each MB of weights, and of the layers' outputs for each image.

    A head's images are a few at a time, whatever the batch.
    """

    alone: float
    weights: float
    outputs: float


_TRAINING = {
    "all": _Megabytes(445, 4.4, 1.1),
    "last-stage": _Megabytes(445, 4.4, 0.25),
    "head": _Megabytes(95, 7.6, 0.1),  # with the process that quantises
}
_EXPORT = _Megabytes(430, 8.6, 0)  # with that process
# An engine runs a convolution and its ReLU as one. In networks without ReLU, quantising keeps more outputs in memory.
_RELU = ("alexnet", "googlenet", "inception", "resnet", "resnext", "squeezenet", "vgg", "wide_resnet")
_QUANTISED_OUTPUTS = 2.6


class TrainingMemory(NamedTuple):
    """The settings that decide how much memory a training takes, of the names that a deployment's have."""

    architecture: str
    image_size: int
    batch_size: int
    trainable: str

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "TrainingMemory":
        return cls(**{name: settings[name] for name in cls._fields})

    @property
    def megabytes(self) -> float:
        """MB that the training and the export of its model take."""
        network = NETWORKS[self.architecture]
        weights = network.weight_bytes / 1e6
        image = FLOAT_BYTES * network.outputs * (self.image_size / network.size) ** 2
        quantised = 0 if self.architecture.startswith(_RELU) else _QUANTISED_OUTPUTS * image
        training, export = _TRAINING[self.trainable], _EXPORT
        if self.trainable == "head":
            return _MARGIN * (training.alone + training.weights * weights + training.outputs * image + quantised)
        return _MARGIN * max(
            training.alone + training.weights * weights + training.outputs * image * self.batch_size,
            export.alone + export.weights * weights + quantised,
        )

    def fits(self, instance_type: str) -> bool:
        return self.megabytes <= available(instance_type)

    @property
    def types(self) -> list[str]:
        """The EC2 instance types that have the memory, the smallest first."""
        return [type_ for type_ in EC2_TYPES if self.fits(type_)]

    def __str__(self) -> str:
        batches = "" if self.trainable == "head" else f" in batches of {self.batch_size}"
        return f"{_LAYERS[self.trainable]} of a {self.architecture} at {self.image_size} px{batches}"


def available(instance_type: str) -> float:
    """MB that a training may take on an EC2 instance."""
    return (EC2_TYPES[instance_type].memory - _RESERVED_MIB) * 2**20 / 1e6


def require_memory(memory: TrainingMemory, instance_type: str) -> None:
    """Raises ValueError if the instance type lacks the memory; the message names what does fit."""
    if memory.fits(instance_type):
        return
    ways = [f"ec2_instance_type={type_}" for type_ in memory.types[:1]] + list(_changes(memory, instance_type))
    *others, last = ways or ["a smaller network, image and batch together"]
    raise ValueError(
        f"training {memory} takes some {memory.megabytes:,.0f} MB, and a {instance_type} has "
        f"{available(instance_type):,.0f}: take " + (f"{', '.join(others)} or {last}" if others else last)
    )


def _family(architecture: str) -> str:
    """Letters that a network's name begins with."""
    return architecture.partition("_")[0].rstrip("0123456789")


def _changes(memory: TrainingMemory, instance_type: str) -> Iterator[str]:
    """One changed setting each, with which the training fits."""
    this = NETWORKS[memory.architecture]
    family = [name for name in NETWORKS if _family(name) == _family(memory.architecture)]
    largest_first = sorted(family, key=lambda name: -NETWORKS[name].parameters)
    less = list(_LAYERS)[list(_LAYERS).index(memory.trainable) + 1 :]
    choices: Mapping[str, list[str | int]] = {
        "batch_size": [batch for batch in _BATCHES if batch < memory.batch_size],
        "image_size": [size for size in _SIZES if this.minimum <= size < memory.image_size and not this.fixed],
        "architecture": [name for name in largest_first if NETWORKS[name].parameters < this.parameters],
        "trainable": list(less),
    }
    for name, values in choices.items():
        for value in values:
            if memory._replace(**{name: value}).fits(instance_type):  # type: ignore[arg-type]
                yield f"{name}={value}" + (" with weights (make weights)" if name == "trainable" else "")
                break
