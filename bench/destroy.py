"""Duration of `make destroy` of the whole app with the notebook, against its limit; `cdk destroy` leaves more behind.

The command is timed as a process: the inventory of every service before and afterwards, and the deletion of every
stack. It fails, and the benchmark with it, if something is left that should not be.
"""

import subprocess
import sys
import time

from bench.result import BenchmarkResult, seconds
from bench.whole_app import deployed

LIMIT_SECONDS = 60.0


def run() -> BenchmarkResult:
    with deployed({"notebook": "true"}):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "tools.deploy.destroy", "--yes"], check=True, stdout=subprocess.DEVNULL)
        taken = time.perf_counter() - start
    return seconds("destroy", taken, LIMIT_SECONDS, 1.0, "make destroy of every stack; peer: its limit of 60 s")
