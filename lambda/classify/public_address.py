"""Tell public internet addresses from all others. The function must not connect to the others for a caller.

Source: IANA's registries of special-purpose addresses, as `ipaddress` has them, and the IPv4 addresses that IPv6 ones
embed.
"""

import ipaddress

_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")  # all of IPv6 that is routed
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits
_REFUSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "100.64.0.0/10",  # shared by carriers; some clouds' metadata is in it
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # relays to 6to4
        "168.63.129.16/32",  # a cloud's own services, on an address that looks public
        "2001::/23",  # protocol assignments, Teredo among them
        "2002::/16",  # 6to4: any IPv4 address, through a relay
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
    )
)


def is_public(text: str) -> bool:
    """True if the address, and an IPv4 address that it embeds, is reachable on the public internet.

    >>> is_public("93.184.215.14"), is_public("169.254.169.254"), is_public("::ffff:10.0.0.1")
    (True, False, False)
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(str(address.ipv4_mapped))
        if address in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
        if address not in _GLOBAL_V6:
            return False
    if any(address.version == network.version and address in network for network in _REFUSED):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved
