"""Ways out of a subnet, read from EC2's descriptions of route tables.

Source: "Subnet route tables", VPC user guide.
"""

from collections.abc import Iterable, Mapping
from typing import Any

RouteTable = Mapping[str, Any]  # as DescribeRouteTables has it
_WAYS_OUT = ("NatGatewayId", "TransitGatewayId", "NetworkInterfaceId", "VpcPeeringConnectionId")


def table_of(subnet: str, tables: Iterable[RouteTable]) -> RouteTable:
    """Route table of a subnet, of those of its VPC: its own, or the main one."""
    tables = list(tables)
    own = (table for table in tables if any(each.get("SubnetId") == subnet for each in table["Associations"]))
    main = (table for table in tables if any(each.get("Main") for each in table["Associations"]))
    return next(own, None) or next(main)


def leads_out(table: RouteTable) -> bool:
    """True if the table leads to all addresses, by a gateway or appliance that a private subnet can use."""
    routes = (route for route in table["Routes"] if route.get("DestinationCidrBlock") == "0.0.0.0/0")
    # EC2 keeps the route to a gateway that was deleted, as a blackhole: "Route", EC2 API reference.
    return any(route.get(way) for route in routes if route.get("State") != "blackhole" for way in _WAYS_OUT)
