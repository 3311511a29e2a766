"""Supervisor of a local AWS: starts the server, and ends all processes of the run when the server ends.

    python -m local_aws.supervisor SOCKET [PIPE]

SOCKET is the descriptor of the socket to listen on; PIPE is that of a pipe whose closing ends the run.

Supervisor and server watch each other through a pipe. When one is killed, even with SIGKILL, the other sees its pipe
close and ends every process that carries the run id.
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


if __name__ == "__main__":
    sys.exit(main())
