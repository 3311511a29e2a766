"""The network that jobs, endpoint and functions run in."""

import re
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from settings.part import Part

_ID = r"([0-9a-f]{8}|[0-9a-f]{17})"
# "VpcConfig", SageMaker API reference, has the number of subnets.
_SUBNETS = rf"subnet-{_ID}(\|subnet-{_ID}){{0,15}}"
# AWS services that functions and jobs call, by the end of their endpoints' names; the first has a gateway endpoint.
SERVICES = ("s3", "sagemaker.api", "sagemaker.runtime")
# They install packages from the internet, which a private network does not reach.
_NEEDS_INTERNET = {"ec2_training": "the EC2 instance", "notebook": "the notebook"}


class NetworkSettings(Part, frozen=True):
    """Settings of the network, read after those of the EC2 instance and the notebook, which exclude a private one."""

    network: Literal["none", "private"] = Field(
        description="private: jobs, endpoint and functions run in subnets that reach AWS by VPC endpoints alone; "
        "images by URL are refused"
    )
    vpc_id: str = Field(
        pattern=rf"^(vpc-{_ID})?$",
        description="VPC of a private network that is there, with its endpoints; empty: the deploy makes one",
        json_schema_extra={"allowed": "the id of a VPC, such as vpc-0a1b2c3d4e5f60718, or empty"},
    )
    subnet_ids: str = Field(
        pattern=rf"^({_SUBNETS})?$",
        description="private subnets of that VPC, in several zones",
        json_schema_extra={"allowed": "ids of up to 16 subnets, such as subnet-0a1b2c3d|subnet-4e5f6071, or empty"},
    )

    @property
    def subnets(self) -> list[str]:
        """`subnet_ids`, each on its own."""
        return re.findall(r"[^|]+", self.subnet_ids)

    @field_validator("network")
    @classmethod
    def _without_internet(cls, value: str, info: ValidationInfo) -> str:
        both = [f"{name}=false ({what})" for name, what in _NEEDS_INTERNET.items() if info.data.get(name)]
        if value == "private" and both:
            raise ValueError(
                f"packages are installed from the internet, which it does not reach: set {', '.join(both)}"
            )
        return value

    @field_validator("vpc_id")
    @classmethod
    def _of_a_private_network(cls, value: str, info: ValidationInfo) -> str:
        if value and info.data.get("network") == "none":
            raise ValueError("is for network=private: set that too")
        return value

    @field_validator("subnet_ids")
    @classmethod
    def _with_their_vpc(cls, value: str, info: ValidationInfo) -> str:
        if "vpc_id" in info.data and bool(value) != bool(info.data["vpc_id"]):
            raise ValueError("subnets of a VPC that is there: set both vpc_id and subnet_ids, or neither")
        return value
