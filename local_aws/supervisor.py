"""The process that holds a local AWS: it starts the server, and ends everything when the server ends.

    python -m local_aws.supervisor SOCKET [PIPE]

SOCKET is the descriptor of the socket to listen on, PIPE that of a pipe that closes when the run is to end.

Supervisor and server watch each other through a pipe, so a kill of either (even SIGKILL) ends the run:
the survivor sees its pipe close and sweeps up whatever carries the run's id.
"""

import os
import signal
import subprocess
import sys

from local_aws.processes import MARKER, end_when_closed, sweep


def main() -> int:
    run_id = os.environ[MARKER]
    listening, *starter = map(int, sys.argv[1:])
    if starter:
        end_when_closed(starter[0], run_id)
    held, watched = os.pipe()
    server = subprocess.Popen(
        [sys.executable, "-m", "local_aws.server", str(held), str(listening)],
        pass_fds=(held, listening),
        stdin=subprocess.DEVNULL,
    )
    os.close(held)
    os.close(listening)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        return server.wait()
    finally:
        sweep(run_id)
        os.close(watched)


def watch_supervisor(pipe: int) -> None:
    """Called by the server: end the run when the supervisor is gone."""
    end_when_closed(pipe, os.environ[MARKER])


if __name__ == "__main__":
    sys.exit(main())
