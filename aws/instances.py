"""Properties of an ML instance type, read from its name: enough to choose an image and to reject unusable types.

Source: the naming conventions of EC2 instance types, and "Use local storage" in SageMaker's "Protect data
at rest".
"""

import functools
import re
from dataclasses import dataclass
from difflib import get_close_matches

from botocore.loaders import create_loader

_NAME = re.compile(
    r"ml\.(?P<family>[a-z]+)(?P<generation>\d)(?P<features>[a-z]*)(?P<kind>-[a-z0-9]+)?\.(?P<size>(\d+x?)?[a-z]+)"
)
_GPU_FAMILIES = {"g", "gr", "p"}
_NEURON_FAMILIES = {"inf", "trn"}
_GAUDI = "dl"
_NVME_WITHOUT_D = {"g5", "g6", "g6e", "gr6", "g7", "g7e", "p5", "p5e", "p5en", "p6", "p6e"}
_GRACE = "-gb"  # NVIDIA's Grace, an Arm processor, as in p6e-gb200


@dataclass(frozen=True)
class Instance:
    """One ML instance type, for example `ml.g4dn.xlarge`."""

    name: str
    gpu: bool
    arm: bool
    """True for an Arm processor, Graviton or Grace, which runs images for arm64 and no others."""
    burstable: bool
    local_disk: bool
    """True if it has local NVMe, which its hardware encrypts. SageMaker refuses a KMS key for it in a job; in an
    endpoint's configuration the key would not encrypt it."""

    @classmethod
    def parse(cls, name: str) -> "Instance":
        """Read `name`. Raises ValueError with the reason if no container of ours runs on this type."""
        found = _NAME.fullmatch(name)
        if found is None:
            raise ValueError("not an ML instance type, such as ml.m5.large or ml.g4dn.xlarge")
        family, features = found["family"], found["features"]
        if family in _NEURON_FAMILIES:
            raise ValueError("a Neuron instance, and the containers have no Neuron build; take an m, c, g or p one")
        if family == _GAUDI:
            raise ValueError("a Gaudi instance, and the containers have no build for it; take an m, c, g or p one")
        return cls(
            name=name,
            gpu=family in _GPU_FAMILIES,
            burstable=family == "t",
            arm="g" in features or (found["kind"] or "").startswith(_GRACE),
            local_disk="d" in features or family + found["generation"] + features in _NVME_WITHOUT_D,
        )


def check_exists(name: str, shape: str) -> str:
    """The name, if SageMaker has the type.

    Args:
        shape: enumeration in SageMaker's API: InstanceType (of notebook instances), TrainingInstanceType,
            ProductionVariantInstanceType or ProcessingInstanceType.

    Raises:
        ValueError: SageMaker lacks the type; the message names similar ones.
    """
    types = _enumerated(shape)
    if name not in types:
        family = [other for other in types if other.rpartition(".")[0] == name.rpartition(".")[0]]
        near = family or get_close_matches(name, types, n=5, cutoff=0.7)
        raise ValueError(f"SageMaker has no such type for this; take {', '.join(near or ['ml.m5.xlarge'])}")
    return name


@functools.cache
def _enumerated(shape: str) -> tuple[str, ...]:
    """Values of an enumeration in the service model that botocore comes with."""
    return tuple(create_loader().load_service_model("sagemaker", "service-2")["shapes"][shape]["enum"])
