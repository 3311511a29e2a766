"""The EC2 instance that trains."""

import re
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from aws.ec2_types import EC2_TYPES
from settings.part import Part
from settings.training_memory import TrainingMemory, require_memory


class Ec2(Part, frozen=True):
    ec2_training: bool = Field(description="also train on one EC2 instance, as its own stack")
    ec2_instance_type: str = Field(
        pattern=rf"^({'|'.join(map(re.escape, EC2_TYPES))})$",
        description="instance type of that EC2 instance; it has to have the memory that the training takes",
        json_schema_extra={"allowed": f"one of {', '.join(EC2_TYPES)}"},
    )
    # By its id: the names of zones differ between accounts ("Availability Zone IDs", AWS RAM user guide).
    ec2_zone_id: str = Field(
        pattern=r"^([a-z]+[0-9]+-az[0-9]+)?$",
        description="zone of that EC2 instance, by its id; empty: the deploy takes one that has the instance type",
        json_schema_extra={"allowed": "the id of an availability zone, such as euw1-az2, or empty"},
    )
    # Unlimited credits are billed beyond the instance's price when a training outlasts what it has saved up.
    ec2_credits: Literal["standard", "unlimited"] = Field(
        description="CPU beyond the saved-up credits: standard slows down, unlimited costs more"
    )
    # The image takes 8 GiB; torch, the images and 2 GiB of swap come on top.
    ec2_volume_gib: int = Field(ge=12, le=1024, description="disk of that EC2 instance, GiB")

    @field_validator("ec2_instance_type")
    @classmethod
    def _has_the_memory(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("ec2_training") and info.data.keys() >= set(TrainingMemory._fields):
            require_memory(TrainingMemory.of(info.data), value)
        return value
