"""The EC2 instance that trains."""

from typing import Literal

from pydantic import Field

from settings.part import Part


class Ec2(Part, frozen=True):
    ec2_training: bool = Field(description="also train on one EC2 instance, as its own stack")
    ec2_instance_type: Literal["t2.micro", "t3.micro"] = Field(description="instance type of that EC2 instance")
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
