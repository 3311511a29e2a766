"""Duration of a deploy without changes: our five stacks beside a one-bucket stack.

Both apps are synthesized beforehand; only the CLI is timed, which finds every stack up to date. The first deploy trains
a model, so the benchmark needs a minute or two before the timing begins.
"""

import shlex
import sys
import tempfile

from bench.result import BenchmarkResult, paired_medians, seconds
from bench.whole_app import deployed
from tools import cdk
from tools.deploy.stacks import deploy

ROUNDS = 5


def run() -> BenchmarkResult:
    with deployed() as assembly, tempfile.TemporaryDirectory() as one_bucket:
        cdk.run(
            "synth", "--quiet", "--app", f"{shlex.quote(sys.executable)} bench/peers/one_bucket.py",
            "--output", one_bucket, on_line=lambda _: None,
        )  # fmt: skip

        def peer() -> None:
            cdk.run("deploy", "--app", one_bucket, "--require-approval", "never", on_line=lambda _: None)

        ours, theirs = paired_medians(lambda: deploy(assembly, say=lambda _: None), peer, ROUNDS)
    note = f"cdk deploy of 5 unchanged stacks, median of {ROUNDS}; peer: the same of one unchanged one-bucket stack"
    return seconds("noop-deploy", ours, theirs, 0.5, note)
