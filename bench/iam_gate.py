"""The IAM gate on the synthesized templates, and the sentences of a change: as whole processes, beside cfn-lint.

The peer reads the same five templates; of the 18 seeded IAM defects of our study it found none, so the ratio says
what the gate costs, not which is better. The limits are 1 s for the gate and 0.5 s for the diff.

Predicted: 0.4 s, most of it Python's start and the 240 KB of facts. Came out at 0.23 s (diff 0.10 s) beside cfn-lint's
1.67 s, after 9.6 s in a first form that compared every resource with each resource type's pattern symbol by symbol.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from bench.result import Result, paired_medians, seconds
from tools import cdk

ROUNDS = 5
_LINT = (
    str(Path(sys.executable).parent / "cfn-lint"),
    "--ignore-checks",
    "E6101",
    "--template",
)  # see tests/stacks/test_cfn_lint.py
GATE_SECONDS, DIFF_SECONDS = 1.0, 0.5


def run() -> Result:
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
