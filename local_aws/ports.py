"""Finds free ports on loopback."""

import random
import socket

# Below the kernel's ephemeral range, from which any outgoing connection could take the port before it is used.
_RANGE = range(20_000, 32_000)
# Not the seeded global generator: two test processes would then try the ports in the same order.
_RANDOM = random.SystemRandom()


def free_port() -> int:
    """Random port on which nothing listens, outside the kernel's ephemeral range.

    Raises:
        OSError: no port of the range is free.
    """
    for port in _RANDOM.sample(_RANGE, len(_RANGE)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise OSError(f"no free port from {_RANGE.start} to {_RANGE.stop}")
