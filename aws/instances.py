"""Properties of an ML instance type, read from its name: enough to choose an image and to reject unusable types.

Source: the naming conventions of EC2 instance types, and "Use local storage" in SageMaker's "Protect data
at rest".
"""

import re
from dataclasses import dataclass

_NAME = re.compile(r"ml\.(?P<family>[a-z]+)(?P<generation>\d)(?P<features>[a-z]*)\.(?P<size>(\d+x?)?[a-z]+)")
_GPU_FAMILIES = {"g", "gr", "p"}
_NEURON_FAMILIES = {"inf", "trn"}
_NVME_WITHOUT_D = {"g5", "g6", "g6e", "gr6", "p5", "p5e", "p5en"}


@dataclass(frozen=True)
class Instance:
    """One ML instance type, for example `ml.g4dn.xlarge`."""

    name: str
    gpu: bool
    arm: bool
    """True for a Graviton processor, which runs images for arm64 and no others."""
    burstable: bool
    local_disk: bool
    """True if it has local NVMe. Its hardware encrypts that, and SageMaker rejects a KMS key for it."""

    @classmethod
    def parse(cls, name: str) -> "Instance":
        """Read `name`. Raises ValueError with the reason if no container of ours runs on this type."""
        found = _NAME.fullmatch(name)
        if found is None:
            raise ValueError("not an ML instance type, such as ml.m5.large or ml.g4dn.xlarge")
        family, features = found["family"], found["features"]
        if family in _NEURON_FAMILIES:
            raise ValueError("a Neuron instance, and the containers have no Neuron build; take an m, c, g or p one")
        return cls(
            name=name,
            gpu=family in _GPU_FAMILIES,
            burstable=family == "t",
            arm="g" in features,
            local_disk="d" in features or family + found["generation"] + features in _NVME_WITHOUT_D,
        )
