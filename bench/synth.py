"""`cdk synth` of the whole app against that of a one-bucket app, as whole processes.

Predicted: 1.2 to 1.4 times as long, since importing the CDK and starting Node are common to both and our resources
are few. Came out at 1.62 first (4.76 s against 2.94 s). The templates' validation was suspected, but it costs both
apps alike (1.0 s to build its engine, 0.2 s for our five templates). Ours alone was Python's garbage collector
going over the CDK's modules again and again (0.4 s) and Node compiling more of the CDK (0.3 s): app.py now
collects nothing and keeps compiled code, which made 1.35 (4.04 s against 3.00 s); with the IAM gate and the table of
acknowledged findings in it, 1.43 (4.00 s against 2.78 s).
"""

import sys
import tempfile

from bench.result import Result, paired_medians, seconds
from deploy import cdk

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
