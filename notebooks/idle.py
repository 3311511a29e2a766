"""Stops the notebook instance when nobody works in it: `python3 idle.py NAME MINUTES`, every few minutes, as root.

Idle is a Jupyter in which no kernel or terminal has done anything for so long; one that has not answered for so
long, or since the machine's start, is idle too. Standard library only: it must work where no environment could be made.
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

JUPYTER = "https://localhost:8443"  # the instance's own, with a certificate that it signed itself
ANSWERED = Path("/run/jupyter-answered")  # its time is that of the last answer; the next start begins without it


def main(name: str, minutes: float, *, jupyter: str = JUPYTER) -> bool:
    """Stop the instance `name` when it is idle; whether it was."""
    idle = minutes_idle(jupyter)
    if idle < minutes:
        return False
    print(f"idle for {idle:.0f} minutes, of at most {minutes:.0f}: stopping {name}", flush=True)
    subprocess.run(["aws", "sagemaker", "stop-notebook-instance", "--notebook-instance-name", name], check=True)
    return True


def minutes_idle(jupyter: str) -> float:
    """Minutes since a kernel or a terminal last did something, or the machine was started; 0 while a kernel works.

    One answer that does not come says nothing of the work: then it is the minutes since the last one that did.
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
    """Minutes since the machine was started."""
    return float(Path("/proc/uptime").read_text().split()[0]) / 60


def _get(url: str) -> Any:
    unverified = ssl._create_unverified_context()  # noqa: S323 (on the machine itself)
    with urllib.request.urlopen(url, timeout=10, context=unverified) as answer:  # noqa: S310 (its address is ours)
        return json.load(answer)


def _minutes_since(when: str) -> float:
    then = datetime.datetime.fromisoformat(when.replace("Z", "+00:00"))
    return (datetime.datetime.now(datetime.UTC) - then).total_seconds() / 60


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
