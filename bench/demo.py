"""The whole of `make demo`, set-up done, against its budget: there is no other program that does this.

Predicted: half of the time in the two trainings, a fifth in starting two fleets of Ray Serve.
"""

import subprocess
import sys
import time

from bench.result import Result, seconds

BUDGET_SECONDS = 180.0


def run() -> Result:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "demo"], check=True, stdout=subprocess.DEVNULL)
    taken = time.perf_counter() - start
    return seconds("demo", taken, BUDGET_SECONDS, 1.0, "warm make demo on the digits; peer: its budget of 180 s")
