"""Report of the demo: tables on the terminal, and out/demo.json."""

import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tools.classify_client import LabelledPrediction, SteadyClient
from tools.demo.jobs import Job
from tools.demo.steps import Steps


def write_json(
    path: Path, steps: Steps, jobs: list[Job], predictions: list[LabelledPrediction], client: SteadyClient
) -> None:
    report = {
        "steps": [{"name": name, "seconds": round(seconds, 2)} for name, seconds in steps.seconds],
        "jobs": [asdict(job) for job in jobs],
        "predictions": [asdict(prediction) for prediction in predictions],
        "client": {"calls": client.calls, "errors": len(client.errors)},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n")


def show(
    console: Console, steps: Steps, jobs: list[Job], predictions: list[LabelledPrediction], client: SteadyClient
) -> None:
    table = Table(title="Steps", title_justify="left")
    table.add_column("step")
    table.add_column("seconds", justify="right")
    for name, seconds in steps.seconds:
        table.add_row(name, f"{seconds:.1f}")
    table.add_section()
    table.add_row("in all", f"{sum(seconds for _, seconds in steps.seconds):.1f}")
    console.print(table)

    table = Table(title="Training jobs", title_justify="left")
    for column in ("job", "test accuracy", "seconds"):
        table.add_column(column)
    for job in jobs:
        accuracy = "–" if job.test_accuracy is None else f"{job.test_accuracy:.1%}"
        phases = "\n".join(f"{seconds:3.0f} {phase.lower()}" for phase, seconds in job.seconds.items())
        about = f"{job.name}\ninstances: {job.instances}, log streams: {len(job.log_streams)}\n{job.status}"
        table.add_row(about, accuracy, phases, end_section=True)
    console.print(table)

    table = Table(title="Predictions of test images, through the function", title_justify="left")
    for column in ("class", "prediction", "probability", ""):
        table.add_column(column)
    for prediction in predictions:
        mark = "✓" if prediction.label == prediction.truth else "✗"
        table.add_row(prediction.truth, prediction.label, f"{prediction.probability:.1%}", mark)
    console.print(table)
    console.print(
        f"A client called the endpoint during the whole update: {client.calls} calls, {len(client.errors)} errors."
    )
    for error in client.errors[:5]:
        console.print(f"  {error}", style="red", markup=False)
