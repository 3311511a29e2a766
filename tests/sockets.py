"""Sockets of a local AWS."""

from local_aws.running import LocalAwsRun, processes


def listening_addresses(run: LocalAwsRun) -> set[str]:
    """Addresses at which any of its processes listens."""
    return {
        connection.laddr.ip
        for process in processes(run)
        for connection in process.net_connections("inet")
        if connection.status == "LISTEN"
    }
