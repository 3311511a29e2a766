"""Addresses that a caller may not reach through the function: every form of one outside the public internet."""

import pytest
from public_address import is_public


@pytest.mark.parametrize(
    "address",
    ["93.184.215.14", "1.1.1.1", "172.32.0.1", "2606:2800:21f:cb07::1", "::ffff:93.184.215.14", "64:ff9b::5db8:d70e"],
)
def test_what_anybody_can_reach_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "0.1.2.3", "10.1.2.3", "127.0.0.1", "127.8.8.8", "172.16.0.1", "172.31.255.255", "192.168.0.1"),
        *("100.64.0.1", "100.100.100.200", "100.127.255.255"),  # carriers', and metadata of a cloud
        *("169.254.169.254", "169.254.170.2", "168.63.129.16", "192.0.0.192"),  # metadata
        *("192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1"),  # documentation, tests, relays
        *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "100::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1", "::127.0.0.1"),  # IPv4 inside
        *("64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "64:ff9b:1::a9fe:a9fe"),  # NAT64
        *("2002:a9fe:a9fe::1", "2002:7f00:1::", "2001:0:a9fe:a9fe::1", "2001:db8::1", "3fff::1"),
        *("", "localhost", "example.com", "2130706433", "0x7f.1", "127.1", "1.1.1.1/32"),
    ],
)  # fmt: skip
def test_what_is_private_local_reserved_or_no_address_is_not(address: str) -> None:
    assert not is_public(address)
