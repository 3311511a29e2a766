"""`cdk synth` of the whole app against that of a one-bucket app, as whole processes.

Predicted: 1.2 to 1.4 times as long, since importing the CDK and starting Node (3 to 4 s) are common to both
and our resources are few. Came out at 1.73 (7.09 s against 4.10 s): half of our time is the CDK's own validation
of the templates (2.4 s for five; 0.2 s with CDK_VALIDATION=false), which grows with the number of templates.
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
