"""The EC2 instance that trains."""

from typing import Literal

from pydantic import Field

from settings.part import Part


class Ec2(Part, frozen=True):
    ec2_training: bool = Field(description="also train on one EC2 instance, as its own stack")
    ec2_instance_type: Literal["t2.micro", "t3.micro"] = Field(description="instance type of that EC2 instance")
    # Unlimited credits are billed beyond the instance's price when a training outlasts what it has saved up.
    ec2_credits: Literal["standard", "unlimited"] = Field(
        description="CPU beyond the saved-up credits: standard slows down, unlimited costs more"
    )
    # The image takes 8 GiB; torch, the images and 2 GiB of swap come on top.
    ec2_volume_gib: int = Field(ge=12, le=1024, description="disk of that EC2 instance, GiB")
