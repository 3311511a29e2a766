"""Duration of the IAM gate on the templates with everything on, and of the IAM diff, as processes, beside cfn-lint.

cfn-lint reads the same templates. It found none of the 18 seeded IAM defects of our study, so the ratio compares costs,
not quality. The limits are 1 s for the gate and for the diff.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from bench.result import BenchmarkResult, paired_medians, seconds
from tools import cdk

ROUNDS = 5
_LINT = (
    str(Path(sys.executable).parent / "cfn-lint"),
    "--ignore-checks",
    "E6101",  # see tests/stacks/test_cfn_lint.py
    "--non-zero-exit-code",
    "error",
    "--template",
)
GATE_SECONDS, DIFF_SECONDS = 1.0, 1.0
EVERYTHING = (
    "notebook=true", "ec2_training=true", "spot=true", "api=iam", "endpoint_data_capture_percent=5",
    "alarm_email=a@example.org", "ec2_instance_type=t3.small",
)  # fmt: skip


def run() -> BenchmarkResult:
    with tempfile.TemporaryDirectory() as folder:
        settings = [argument for setting in EVERYTHING for argument in ("-c", setting)]
        cdk.run("synth", "--quiet", *settings, "--output", folder, on_line=lambda _: None)
        templates = [str(path) for path in Path(folder).glob("*.template.json")]
        gate, lint = paired_medians(
            lambda: _run(sys.executable, "-m", "tools.permissions", "check", folder),
            lambda: _run(*_LINT, *templates),
            ROUNDS,
        )
        diff, _ = paired_medians(
            lambda: _run(sys.executable, "-m", "tools.permissions", "diff", folder, folder), lambda: None, ROUNDS
        )
    within = gate <= GATE_SECONDS and diff <= DIFF_SECONDS
    note = f"gate {gate:.2f} s (limit {GATE_SECONDS}), diff {diff:.2f} s (limit {DIFF_SECONDS}); peer: cfn-lint"
    return seconds("iam-gate", gate, lint, 1.0, note, holds=within)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=cdk.ROOT)
