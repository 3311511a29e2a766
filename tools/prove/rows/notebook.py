"""Rows about the notebook instance."""

import boto3

from aws.log_groups import NOTEBOOK_INSTANCES
from tools.prove.row import Answer, row
from tools.prove.system import ProvedSystem, log_lines


def _status(system: ProvedSystem) -> str:
    name = system.facts["notebook"]["name"]
    found = boto3.client("sagemaker").describe_notebook_instance(NotebookInstanceName=name)
    return str(found["NotebookInstanceStatus"])


@row(
    question="Does the notebook instance start with its role and its start script?",
    expected="InService within 10 minutes",
    step="notebook",
)
def notebook_starts(system: ProvedSystem) -> Answer:
    """Deploy with `notebook=true`, and describe the instance."""
    facts, status = system.facts["notebook"], _status(system)
    seconds = facts["seconds"]
    return Answer(
        f"{status} after {seconds:.0f} s", status == "InService" and seconds < 600, f"{facts['name']}: {status}"
    )


@row(
    question="Does the start script run to its end?",
    expected="a log stream of the script, without an error",
    step="end",
    why="account only",
    uses=("notebook",),
)
def start_script_runs(system: ProvedSystem) -> Answer:
    """Read the log that SageMaker keeps of the script."""
    lines = log_lines(NOTEBOOK_INSTANCES, streams_of=system.facts["notebook"]["name"])
    wrong = [line for line in lines if "rror" in line]
    return Answer(
        f"{len(wrong)} errors", not wrong, "\n".join(wrong or lines[-5:]) or "no line: the script says nothing"
    )


@row(
    question="Is the environment created, does the notebook open with the kernel Slipway, and are its role's "
    "permissions enough?",
    expected='"Installed kernelspec python3" in environment.log; every cell runs, no access denied',
    step="notebook",
    why="person",
)
def notebook_runs(system: ProvedSystem) -> Answer:
    """In a stage of your own: deploy with `notebook=true`, open Jupyter, and run the notebook from top to bottom."""
    return Answer("open it, and run it", None, f"{system.facts['notebook']['name']}: {_status(system)}")


@row(
    question="Does Jupyter answer on port 8443 of the instance without a token, and does the instance stop itself?",
    expected="Stopped 15 minutes after `notebook_idle_minutes`, at most",
    step="end",
    why="account only",
    uses=("notebook",),
)
def notebook_stops_itself(system: ProvedSystem) -> Answer:
    """Leave it alone for `notebook_idle_minutes=10`, and describe it."""
    status = system.until(lambda: _status(system) in ("Stopping", "Stopped") and _status(system), minutes=30)
    return Answer(
        str(status or _status(system)), bool(status), f"{system.facts['notebook']['name']}: {_status(system)}"
    )
