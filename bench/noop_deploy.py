"""A deploy in which nothing has changed: all our stacks against the CLI's own no-op, a one-bucket stack.

Both are synthesized beforehand; what is timed is the CLI looking at each stack and finding it up to date.
The first deploy trains a model, so this takes a minute or two before the timing begins.

Predicted: twice the peer's time, five stacks being asked for instead of one. Came out at 1.5 (2.13 s against
1.40 s), later 1.3 (1.19 s against 0.91 s): starting Node and the CLI is most of either.
"""

import sys
import tempfile

from bench.result import Result, paired_medians, seconds
from bench.whole_app import deployed
from tools import cdk
from tools.deploy.stacks import deploy

ROUNDS = 5


def run() -> Result:
    with deployed() as assembly, tempfile.TemporaryDirectory() as one_bucket:
        cdk.run(
            "synth", "--quiet", "--app", f"{sys.executable} bench/peers/one_bucket.py", "--output", one_bucket,
            on_line=lambda _: None,
        )  # fmt: skip

        def peer() -> None:
            cdk.run("deploy", "--app", one_bucket, "--require-approval", "never", on_line=lambda _: None)

        ours, theirs = paired_medians(lambda: deploy(assembly, say=lambda _: None), peer, ROUNDS)
    note = f"cdk deploy of 5 unchanged stacks, median of {ROUNDS}; peer: the same of one unchanged one-bucket stack"
    return seconds("noop-deploy", ours, theirs, 0.5, note)
