"""`make destroy` of the whole app, notebook included, against its limit: CDK's own destroy leaves more behind.

What is timed is the command as a process: what there is, asked of every service before and afterwards, and the
deletion of every stack. The command fails, and this with it, where something is left that should not be.

Predicted: half a minute, most of it the endpoint's fleet that has to end. Came out at 23 s, on two cores with six times
the work that they can do.
"""

import subprocess
import sys
import time

from bench.result import Result, seconds
from bench.whole_app import deployed

LIMIT_SECONDS = 60.0


def run() -> Result:
    with deployed({"notebook": "true"}):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "tools.deploy.destroy", "--yes"], check=True, stdout=subprocess.DEVNULL)
        taken = time.perf_counter() - start
    return seconds("destroy", taken, LIMIT_SECONDS, 1.0, "make destroy of every stack; peer: its limit of 60 s")
