"""Sockets of a local AWS."""

import contextlib

import psutil

from local_aws.running import LocalAwsRun, processes


def listening_addresses(run: LocalAwsRun) -> set[str]:
    """Addresses at which any of its processes listens."""
    found: set[str] = set()
    for process in processes(run):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            found |= {each.laddr.ip for each in process.net_connections("inet") if each.status == "LISTEN"}
    return found
