"""Duration of `cdk synth` of the whole app beside that of a one-bucket app, as processes."""

import shlex
import sys
import tempfile

from bench.result import BenchmarkResult, paired_medians, seconds
from tools import cdk

ROUNDS = 5


def run() -> BenchmarkResult:
    with tempfile.TemporaryDirectory() as folder:

        def synth(app: str, name: str) -> None:
            command = f"{shlex.quote(sys.executable)} {app}"
            cdk.run("synth", "--quiet", "--app", command, "--output", f"{folder}/{name}", on_line=lambda _: None)

        ours, peer = paired_medians(
            lambda: synth("app.py", "ours"), lambda: synth("bench/peers/one_bucket.py", "peer"), ROUNDS
        )
    return seconds("synth", ours, peer, 0.667, f"cdk synth, median of {ROUNDS}; peer: a one-bucket Python app")
