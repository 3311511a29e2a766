"""Regions of AWS, of all partitions, as botocore lists them."""

from functools import cache

import botocore.session


@cache
def regions() -> frozenset[str]:
    """Names of all regions."""
    session = botocore.session.get_session()
    partitions = session.get_available_partitions()
    return frozenset(name for each in partitions for name in session.get_available_regions("ec2", each))
