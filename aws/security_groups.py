"""HTTPS that security groups let in, read from EC2's descriptions of them.

Source: "Security group rules", VPC user guide.
"""

from collections.abc import Collection, Iterable, Mapping
from ipaddress import ip_network
from typing import Any

HTTPS = 443
_TCP, _ALL = ("tcp", "6"), "-1"  # "IpPermission", EC2 API reference


def let_https_in(rules: Iterable[Mapping[str, Any]], addresses: str, groups: Collection[str]) -> bool:
    """True if one of the inbound rules allows HTTPS from all addresses of a subnet, or from one of the groups.

    A rule for a prefix list counts too: its addresses are not in the description.

    Args:
        rules: `IpPermissions` of the security groups, as DescribeSecurityGroups has them.
        addresses: CIDR block of the subnet.
        groups: ids of the caller's security groups.
    """
    subnet = ip_network(addresses)
    for rule in rules:
        tcp = rule["IpProtocol"] in _TCP and rule["FromPort"] <= HTTPS <= rule["ToPort"]
        if not tcp and rule["IpProtocol"] != _ALL:
            continue
        if any(subnet.subnet_of(ip_network(each["CidrIp"])) for each in rule.get("IpRanges", [])):  # type: ignore[arg-type]
            return True
        if rule.get("PrefixListIds") or {pair.get("GroupId") for pair in rule.get("UserIdGroupPairs", [])} & {*groups}:
            return True
    return False
