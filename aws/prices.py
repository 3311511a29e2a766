"""List prices of AWS, read from prices.yaml."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("prices.yaml")
HOURS = 730  # hours of a month, as AWS counts them


class UnknownPrice(ValueError):
    """The table has no price of an instance type; the message says where to add it."""


@cache
def table() -> Mapping[str, Any]:
    """All prices, by service."""
    return dict(yaml.safe_load(FILE.read_text()))


def price(service: str, name: str) -> float:
    """Price in dollars of one unit, such as "request" of "lambda"."""
    return float(table()[service][name])


def instance_hour(instance_type: str) -> float:
    """Price in dollars of one hour of a SageMaker (`ml.…`) or EC2 instance type.

    Raises:
        UnknownPrice: a type that the table lacks.
    """
    service = "sagemaker" if instance_type.startswith("ml.") else "ec2"
    known = table()[service]["instance_hour"]
    if instance_type not in known:
        raise UnknownPrice(
            f"no price of {instance_type} in aws/{FILE.name} ({', '.join(known)}): "
            f"add its dollars an hour under {service}.instance_hour, from {table()[service]['source']}"
        )
    return float(known[instance_type])
