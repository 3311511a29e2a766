"""List prices of AWS by region, read from prices.yaml."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("prices.yaml")
HOURS = 730  # hours of a month, as AWS counts them
DEFAULT_REGION = "us-east-1"


class UnknownPrice(ValueError):
    """The table has no such price, or no such region; the message says where to add it."""


@cache
def _tables() -> Mapping[str, Any]:
    return dict(yaml.safe_load(FILE.read_text()))


def table(region: str = DEFAULT_REGION) -> Mapping[str, Any]:
    """All prices of a region, by service.

    Raises:
        UnknownPrice: a region that the file lacks.
    """
    if region not in _tables():
        raise UnknownPrice(
            f"no prices for {region} in aws/{FILE.name}, which has {', '.join(_tables())}: take one of these, or add "
            "the region's, each service with its source and date"
        )
    return dict(_tables()[region])


def price(service: str, name: str, region: str = DEFAULT_REGION) -> float:
    """Price in dollars of one unit, such as "request" of "lambda".

    Raises:
        UnknownPrice: a region, or a unit in it, that the file lacks.
    """
    known = table(region)[service]
    return _found(known, name, f"{service} {name}", f"{region}.{service}", known["source"])


def instance_hour(instance_type: str, region: str = DEFAULT_REGION) -> float:
    """Price in dollars of one hour of a SageMaker (`ml.…`) or EC2 instance type.

    Raises:
        UnknownPrice: a region, or a type in it, that the file lacks.
    """
    service = "sagemaker" if instance_type.startswith("ml.") else "ec2"
    known = table(region)[service]
    place = f"{region}.{service}.instance_hour"
    return _found(known["instance_hour"], instance_type, f"an hour of {instance_type}", place, known["source"])


def _found(known: Mapping[str, Any], name: str, what: str, place: str, source: str) -> float:
    if name not in known:
        raise UnknownPrice(f"no price of {what} in aws/{FILE.name}: add its dollars under {place}, from {source}")
    return float(known[name])
