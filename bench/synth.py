"""`cdk synth` of the whole app against that of a one-bucket app, as whole processes.

Predicted: 1.2 to 1.4 times as long, since importing the CDK and starting Node are common to both and our resources
are few. Came out at 1.62 first (4.76 s against 2.94 s). The templates' validation was suspected, but it costs both
apps alike (1.0 s to build its engine, 0.2 s for our five templates). Ours alone was Python's garbage collector
going over the CDK's modules again and again (0.4 s), so app.py collects nothing, not even when Python ends: 1.35
(4.04 s against 3.00 s); with the IAM gate and the table of acknowledged findings, 1.43 (4.00 s against 2.78 s).

The whole app, with alarms, dashboard and EC2, came out at 1.64 and 1.73. The gate compared each resource with every
type of its service (0.3 s, now with those that it can be); keeping the code that Node compiles was no gain: jsii runs
it from a new folder each time, so that nothing was found again and 4 MB were left by each run. That made 1.58 to 1.65
(5.54 s against 3.51 s, 5.94 s against 3.60 s): over the goal. The rest: imports 0.5 s, building 0.9 s (0.1 s for the
peer), five templates validated 0.4 s, and 0.4 s that Node takes to end, as V8 waits for its compilers of the engine.
Without these (--wasm-tiering-budget) it takes 0.2 s less, but every synth after the first in one process is slower,
as in tests.
"""

import sys
import tempfile

from bench.result import Result, paired_medians, seconds
from tools import cdk

ROUNDS = 5


def run() -> Result:
    with tempfile.TemporaryDirectory() as folder:

        def synth(app: str, name: str) -> None:
            command = f"{sys.executable} {app}"
            cdk.run("synth", "--quiet", "--app", command, "--output", f"{folder}/{name}", on_line=lambda _: None)

        ours, peer = paired_medians(
            lambda: synth("app.py", "ours"), lambda: synth("bench/peers/one_bucket.py", "peer"), ROUNDS
        )
    return seconds("synth", ours, peer, 0.667, f"cdk synth, median of {ROUNDS}; peer: a one-bucket Python app")
