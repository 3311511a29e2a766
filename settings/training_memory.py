"""Memory that a training takes on a processor, and the EC2 instance types that have it.

The figures are measured: docs/benchmarks.md, "Memory of a training", has each and says how.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from aws.ec2_types import EC2_TYPES

_MARGIN = 1.05  # measurements of one training differ by up to 6 %
_RESERVED_MIB = 128  # for kernel and system; what they need beyond goes to the swap of ec2/user_data.sh
_SIZES = (384, 256, 224, 192, 160, 128, 96, 64, 48, 32, 16)  # px, to choose from
_BATCHES = tuple(2**power for power in range(15, 0, -1))
_LAYERS = {"all": "all layers", "last-stage": "the last stage", "head": "the head"}


class _Memory(NamedTuple):
    """MB of the process that trains, beside an image; of an image in a batch, at 128 px; and of the export to int8.

    A head's images are a few at a time, whatever the batch.
    """

    fixed: float
    image: float
    export: float = 0


_MEASURED = {
    "all": {
        "resnet10": _Memory(500, 9, 630),
        "resnet18": _Memory(650, 12, 830),
        "resnet34": _Memory(820, 16, 1200),
        "resnet50": _Memory(800, 40, 1290),
    },
    "last-stage": {
        "resnet10": _Memory(500, 3, 630),
        "resnet18": _Memory(650, 3, 830),
        "resnet34": _Memory(820, 4, 1200),
        "resnet50": _Memory(800, 10, 1290),
    },
    "head": {
        "resnet10": _Memory(260, 8),
        "resnet18": _Memory(436, 8),
        "resnet34": _Memory(775, 12),
        "resnet50": _Memory(794, 24),
    },
}


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
        measured = _MEASURED[self.trainable][self.architecture]
        images = 1 if self.trainable == "head" else self.batch_size
        training = measured.fixed + measured.image * images * (self.image_size / 128) ** 2
        return _MARGIN * max(training, measured.export)

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
    """Raises ValueError if the instance type has not the memory; the message names what does fit."""
    if memory.fits(instance_type):
        return
    ways = [f"ec2_instance_type={type_}" for type_ in memory.types[:1]] + list(_changes(memory, instance_type))
    *others, last = ways or ["a smaller network, image and batch together"]
    raise ValueError(
        f"training {memory} takes some {memory.megabytes:,.0f} MB, and a {instance_type} has "
        f"{available(instance_type):,.0f}: take " + (f"{', '.join(others)} or {last}" if others else last)
    )


def _changes(memory: TrainingMemory, instance_type: str) -> Iterator[str]:
    """One changed setting each, with which the training fits."""
    smaller = list(_MEASURED["all"])[: list(_MEASURED["all"]).index(memory.architecture)]
    less = list(_LAYERS)[list(_LAYERS).index(memory.trainable) + 1 :]
    choices: Mapping[str, list[str | int]] = {
        "batch_size": [batch for batch in _BATCHES if batch < memory.batch_size],
        "image_size": [size for size in _SIZES if size < memory.image_size],
        "architecture": list(reversed(smaller)),
        "trainable": list(less),
    }
    for name, values in choices.items():
        for value in values:
            if memory._replace(**{name: value}).fits(instance_type):  # type: ignore[arg-type]
                yield f"{name}={value}" + (" with weights (make weights)" if name == "trainable" else "")
                break
