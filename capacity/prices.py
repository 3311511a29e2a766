"""What an hour of an instance costs."""

from pathlib import Path

import yaml

from training.errors import InputError

_FILE = Path(__file__).with_name("prices.yaml")


def price(instance_type: str) -> float:
    """Dollars an hour, from prices.yaml. Raises InputError when it does not have that type."""
    table = yaml.safe_load(_FILE.read_text())
    known = table["dollars_an_hour"]
    if instance_type not in known:
        raise InputError(
            f"no price of {instance_type} in capacity/{_FILE.name} ({', '.join(known)}): give --price, dollars an hour"
        )
    return float(known[instance_type])
