"""Show each local AWS that runs for this folder: its address, its processes and their memory.

make status
"""

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import psutil

from local_aws.home import Home
from local_aws.running import current, homes, processes
from tools.cli import add_json, command, make_parser, print_json


@command
def main(arguments: Sequence[str] | None = None) -> None:
    parser = make_parser("status", __doc__, settings=False)
    add_json(parser, "a list of those that run: endpoint, processes, megabytes, and environment, the file to source")
    found = list(running(Home.from_environment()))
    if parser.parse_args(arguments).json:
        print_json(found)
        return
    for each in found:
        print(f"local AWS at {each['endpoint']}: {each['processes']} processes, {each['megabytes']} MB resident")
        print(f"  use it: . {each['environment']}    end it: make down")
    if not found:
        print("local AWS is not running; start it with `make local`")


def running(home: Home) -> Iterator[dict[str, Any]]:
    """Each local AWS that runs in the home folder or below it."""
    for each in homes(home):
        run = current(each)
        if run and run.healthy():
            own = processes(run)
            yield {
                "endpoint": run.endpoint,
                "processes": len(own),
                "megabytes": round(sum(map(_resident_bytes, own)) / 1e6),
                "environment": os.path.relpath(each.env_file),
            }


def _resident_bytes(process: psutil.Process) -> int:
    """Resident memory; 0 of a process that has just ended, such as a job's."""
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


if __name__ == "__main__":
    sys.exit(main())
