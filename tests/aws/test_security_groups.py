"""An endpoint's security groups let in a caller by its addresses or its groups.

Source: "Security group rules", VPC user guide.
"""

from typing import Any

import pytest

from aws.security_groups import let_https_in

SUBNET = "10.0.1.0/24"


def rule(protocol: str = "tcp", ports: tuple[int, int] = (443, 443), **source: Any) -> dict[str, Any]:
    return {"IpProtocol": protocol, "FromPort": ports[0], "ToPort": ports[1], **source}


def addresses(*blocks: str) -> dict[str, Any]:
    return {"IpRanges": [{"CidrIp": block} for block in blocks]}


OF_A_GROUP: dict[str, Any] = {"UserIdGroupPairs": [{"GroupId": "sg-1"}]}


@pytest.mark.parametrize(
    "allows",
    [
        rule(**addresses("10.0.1.0/24")),
        rule(**addresses("192.168.0.0/16", "10.0.0.0/8")),
        rule(ports=(0, 65535), **addresses("10.0.1.0/24")),
        rule("6", **addresses("10.0.1.0/24")),
        {"IpProtocol": "-1", **addresses("0.0.0.0/0")},
        rule(**OF_A_GROUP),
        rule(PrefixListIds=[{"PrefixListId": "pl-1"}]),
    ],
)
def test_a_rule_allows_all_addresses_of_the_subnet_or_one_of_the_caller_s_groups(allows: dict[str, Any]) -> None:
    assert let_https_in([rule(ports=(22, 22), **addresses("0.0.0.0/0")), allows], SUBNET, ["sg-1", "sg-2"])


@pytest.mark.parametrize(
    "refuses",
    [
        rule(**addresses("10.0.1.0/25")),
        rule(**addresses("10.0.2.0/24")),
        rule(ports=(80, 80), **addresses("0.0.0.0/0")),
        rule("udp", (0, 65535), **addresses("0.0.0.0/0")),
        rule("icmp", (-1, -1), **addresses("0.0.0.0/0")),
        rule(**OF_A_GROUP),
    ],
)
def test_a_part_of_the_subnet_another_port_or_protocol_and_another_group_do_not(refuses: dict[str, Any]) -> None:
    assert not let_https_in([refuses], SUBNET, ["sg-2"])
    assert not let_https_in([], SUBNET, ["sg-2"])
