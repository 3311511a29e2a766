"""Stop the notebook instance when it is idle: `python3 -I -S idle.py NAME MINUTES`, run every few minutes as root.

It is idle if no kernel or terminal of Jupyter was active for MINUTES, or if Jupyter has not answered for so long.
Standard library only, and Python 3.9, which is the instance's own (Amazon Linux 2023): it must work even if the
environment could not be made.
"""

import datetime
import json
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

JUPYTER = "https://localhost:8443"  # on the instance, with a self-signed certificate
ANSWERED = Path("/run/jupyter-answered")  # modification time: last answer; a restart removes the file


def main(name: str, minutes: float, *, jupyter: str = JUPYTER) -> bool:
    """Stop the instance `name` if it is idle; True if it was."""
    idle = minutes_idle(jupyter)
    if idle < minutes:
        return False
    print(f"idle for {idle:.0f} minutes, of at most {minutes:.0f}: stopping {name}", flush=True)
    subprocess.run(["aws", "sagemaker", "stop-notebook-instance", "--notebook-instance-name", name], check=True)
    return True


def minutes_idle(jupyter: str) -> float:
    """Minutes since the last activity of a kernel or terminal, or since the machine started; 0 while a kernel is busy.

    If Jupyter does not answer, its activity is unknown: then the minutes since its last answer.
    """
    started = minutes_up()
    try:
        kernels, terminals = _get(f"{jupyter}/api/kernels"), _get(f"{jupyter}/api/terminals")
    except (OSError, ValueError) as error:  # ValueError: no JSON
        print(f"Jupyter does not answer: {error}", file=sys.stderr)
        return min(started, (time.time() - ANSWERED.stat().st_mtime) / 60) if ANSWERED.exists() else started
    ANSWERED.touch()
    if any(kernel["execution_state"] in ("busy", "starting") for kernel in kernels):
        return 0
    return min([started, *(_minutes_since(each["last_activity"]) for each in (*kernels, *terminals))])


def minutes_up() -> float:
    """Minutes since the machine started."""
    return float(Path("/proc/uptime").read_text().split()[0]) / 60


def _get(url: str) -> Any:
    unverified = ssl._create_unverified_context()  # noqa: S323 (the same machine)
    with urllib.request.urlopen(url, timeout=10, context=unverified) as answer:  # noqa: S310 (a fixed address)
        return json.load(answer)


def _minutes_since(when: str) -> float:
    then = datetime.datetime.fromisoformat(when.replace("Z", "+00:00"))
    return (datetime.datetime.now(datetime.timezone.utc) - then).total_seconds() / 60


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
