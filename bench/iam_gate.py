"""Duration of the IAM gate on the synthesized templates, and of the IAM diff, as processes, beside cfn-lint.

cfn-lint reads the same five templates. It found none of the 18 seeded IAM defects of our study, so the ratio compares
costs, not quality. The limits are 1 s for the gate and 0.5 s for the diff.
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
    "E6101",
    "--template",
)  # see tests/stacks/test_cfn_lint.py
GATE_SECONDS, DIFF_SECONDS = 1.0, 0.5


def run() -> BenchmarkResult:
    with tempfile.TemporaryDirectory() as folder:
        cdk.run("synth", "--quiet", "--output", folder, on_line=lambda _: None)
        templates = [str(path) for path in Path(folder).glob("*.template.json")]
        gate, lint = paired_medians(
            lambda: _run(sys.executable, "-m", "iam", "check", folder), lambda: _run(*_LINT, *templates), ROUNDS
        )
        diff, _ = paired_medians(
            lambda: _run(sys.executable, "-m", "iam", "diff", folder, folder), lambda: None, ROUNDS
        )
    within = gate <= GATE_SECONDS and diff <= DIFF_SECONDS
    note = f"gate {gate:.2f} s (limit {GATE_SECONDS}), diff {diff:.2f} s (limit {DIFF_SECONDS}); peer: cfn-lint"
    return seconds("iam-gate", gate, lint, 1.0, note, holds=within)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=cdk.ROOT)
