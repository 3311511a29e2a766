"""Renders the content of the report as one HTML file: no script, nothing from a network, all text escaped."""

from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from aws.pseudo_parameters import fill
from iam.policy import in_words
from iam.resolve import readable
from tools.cost.estimate import Estimate
from tools.cost.report import notes, rows, totals
from tools.deploy.narration import minutes
from tools.preflight import on_local_aws
from tools.report.absent import Absent
from tools.report.chart import LineChart, line_chart
from tools.report.confusion import confused_pairs, confusion_matrix
from tools.report.content import ReportContent
from tools.report.training import TrainingOutput
from training.outcome import wilson

_SHOWN_CLASSES = 30  # rows of the table of classes that are not folded


def render(content: ReportContent) -> str:
    """The page, as HTML."""
    templates = FileSystemLoader(Path(__file__).with_name("templates"))
    environment = Environment(loader=templates, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.tests["absent"] = lambda part: isinstance(part, Absent)
    environment.filters |= {
        "condition": lambda conditions: in_words(conditions).removeprefix(" if "),
        "here": lambda text: _here(text, content),
        "minutes": minutes,
        "percent": "{:.1%}".format,
        "utc": lambda time: f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
    }
    training = content.training if isinstance(content.training, TrainingOutput) else None
    return environment.get_template("report.html").render(
        **vars(content),
        local=on_local_aws(),
        serving=content.stacks["serving"].outputs if "serving" in content.stacks else {},
        bill=_bill(content.cost),
        test=_test(training.metrics["test"]) if training else None,
        curves=_curves(training.metrics) if training else (),
        longest=max((stack.last.seconds or 0 for stack in content.stacks.values() if stack.last), default=0) or 1,
    )


def _here(text: str, content: ReportContent) -> str:
    """The text of a permission with this account and region in it."""
    filled = fill(text, Region=content.region, AccountId=content.account)
    return readable(filled).replace("-REGION", f"-{content.region}")  # in the names of roles


def _test(test: Mapping[str, Any]) -> dict[str, Any]:
    """Accuracy of the whole test and of each class, with their intervals, the lowest class first, and the confusion."""
    classes = [
        {"name": name, **row, "interval": wilson(row["correct"], row["images"])}
        for name, row in test["classes"].items()
    ]
    classes.sort(key=lambda row: (row["accuracy"], -row["images"]))
    right, count = (sum(row[key] for row in classes) for key in ("correct", "images"))
    counts = test.get("confusion")
    return {
        "accuracy": test["accuracy"],
        "interval": wilson(right, count),
        "mean": sum(row["accuracy"] for row in classes) / len(classes),
        "right": right,
        "images": count,
        "shown": classes[:_SHOWN_CLASSES],
        "folded": classes[_SHOWN_CLASSES:],
        "matrix": confusion_matrix(counts) if counts else None,
        "pairs": confused_pairs(counts) if counts else (),
    }


def _curves(metrics: Mapping[str, Any]) -> tuple[LineChart, ...]:
    epochs, best = metrics["epochs"], metrics["best_epoch"]

    def line(name: str) -> list[tuple[float, float]]:
        return [(epoch["epoch"], epoch[name]) for epoch in epochs]

    losses = {"training": line("train_loss"), "validation": line("validation_loss")}
    accuracy = {"validation": [(epoch, 100 * value) for epoch, value in line("validation_accuracy")]}
    return (
        line_chart("Loss", "epoch", "nats an image", losses, mark=best, whole=True),
        line_chart("Validation accuracy", "epoch", "%", accuracy, highest=100, mark=best, whole=True),
    )


def _bill(cost: Estimate | Absent) -> dict[str, Any] | None:
    if isinstance(cost, Absent):
        return None
    return {"rows": rows(cost, None), "totals": totals(cost), "notes": notes(cost)}
