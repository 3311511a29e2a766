"""A deploy in which nothing has changed: all our stacks against the CLI's own no-op, a one-bucket stack.

Both are synthesized beforehand; what is timed is the CLI looking at each stack and finding it up to date.
The first deploy trains a model, so this takes a minute or two before the timing begins.

Predicted: twice the peer's time, five stacks being asked for instead of one. Came out at 1.5 (2.13 s against
1.40 s), later 1.3 (1.19 s against 0.91 s): starting Node and the CLI is most of either.
"""

import os
import sys
import tempfile
from pathlib import Path

from bench.result import Result, paired_medians, seconds
from dataset.check import checked
from dataset.digits import write
from demo.settings import DIGITS
from deploy import cdk
from deploy.preflight import require_aws
from deploy.stacks import bootstrap, deploy, deploy_everything, synthesize
from local_aws.home import Home, read_env
from local_aws.lifecycle import down, up
from training.folder import digest

ROUNDS = 5


def run() -> Result:
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "local")
        try:
            up(home, tied=True)
            os.environ.update(read_env(home.env_file))
            ours, peer = _time(Path(folder))
        finally:
            down(home)
    note = f"cdk deploy of 5 unchanged stacks, median of {ROUNDS}; peer: the same of one unchanged one-bucket stack"
    return seconds("noop-deploy", ours, peer, 0.5, note)


def _time(folder: Path) -> tuple[float, float]:
    bootstrap(*require_aws())
    write(folder / "digits")
    images = checked(folder / "digits")
    quick = {**DIGITS, "epochs": "1", "accuracy_floor": "0"}
    assembly = synthesize({**quick, "dataset": digest(images)})
    deploy_everything(assembly, images, say=lambda _: None)
    one_bucket = str(folder / "peer")
    cdk.run(
        "synth", "--quiet", "--app", f"{sys.executable} bench/peers/one_bucket.py", "--output", one_bucket,
        on_line=lambda _: None,
    )  # fmt: skip

    def peer() -> None:
        cdk.run("deploy", "--app", one_bucket, "--require-approval", "never", on_line=lambda _: None)

    return paired_medians(lambda: deploy(assembly, say=lambda _: None), peer, ROUNDS)
