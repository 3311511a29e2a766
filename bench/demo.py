"""Duration of `make demo` after set-up, against its budget, since no other program does the same."""

import subprocess
import sys
import time

from bench.result import BenchmarkResult, seconds

BUDGET_SECONDS = 180.0


def run() -> BenchmarkResult:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "tools.demo"], check=True, stdout=subprocess.DEVNULL)
    taken = time.perf_counter() - start
    return seconds("demo", taken, BUDGET_SECONDS, 1.0, "warm make demo on the digits; peer: its budget of 180 s")
