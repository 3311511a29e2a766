"""Ports on loopback."""

import random
import socket

# Under the range that the kernel hands out: a port of that could be taken by any connection before it is used.
_RANGE = range(20_000, 32_000)
# Training seeds the other generator: two test processes would then look for a port in the same order.
_RANDOM = random.SystemRandom()


def free_port() -> int:
    """A port that nothing listens on now, and that nobody gets by accident."""
    for port in _RANDOM.sample(_RANGE, len(_RANGE)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise OSError(f"no free port from {_RANGE.start} to {_RANGE.stop}")
