"""Compares the calls that roles made during the demo with the IAM contract, and keeps them as evidence."""

from pathlib import Path

from iam import template, trace
from iam.check import check_templates
from iam.findings import GateFinding
from iam.variables import variables
from local_aws.calls import read as read_calls
from local_aws.home import ACCOUNT


def gather(run: str, assembly: Path, recorded: Path, region: str) -> trace.Trace:
    """Read the recorded calls, with the contract's variables from the synthesized app in `assembly`."""
    chosen = variables(template.read(template.load(assembly)))
    return trace.Trace(
        run, ACCOUNT, region, chosen, tuple(trace.TracedCall(**vars(call)) for call in read_calls(recorded))
    )


def prove(assembly: Path, evidence: trace.Trace, path: Path) -> list[GateFinding]:
    """Write the evidence to `path`; returns the gate's findings on templates and evidence."""
    trace.write(path, evidence)
    return [*check_templates(template.load(assembly)), *trace.check_file(path)]


def in_words(evidence: trace.Trace) -> str:
    """Count the calls, the roles, and the calls that were denied."""
    ours = [call for call in evidence.calls if call.role.startswith(evidence.variables["prefix"] + "-")]
    denied = sum(not call.allowed for call in ours)
    roles = len({call.role for call in ours})
    return f"{len(ours)} different calls by {roles} roles, {denied} denied"
