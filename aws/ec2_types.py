"""EC2 instance types that a training may run on. Source: https://aws.amazon.com/ec2/instance-types/."""

from typing import NamedTuple


class Ec2Type(NamedTuple):
    """vCPUs, and memory in MiB."""

    vcpus: int
    memory: int


# By memory. t2.micro is the one that the system was first built on; accounts on AWS's free plan have only t3's.
EC2_TYPES = {
    "t2.micro": Ec2Type(1, 1024),
    "t3.micro": Ec2Type(2, 1024),
    "t3.small": Ec2Type(2, 2048),
    "t3.medium": Ec2Type(2, 4096),
    "t3.large": Ec2Type(2, 8192),
}
