"""The demo's report fits a terminal of 80 columns, and a program can read its JSON."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from tools.classify_client import LabelledPrediction, SteadyClient
from tools.demo.jobs import Job
from tools.demo.report import show, write_json
from tools.demo.steps import Steps

JOB = Job(
    name="slipway-dev-ab822d586c8d-1",
    instances=4,
    status="Completed",
    log_streams=[f"slipway-dev-ab822d586c8d-1/algo-{n}-1" for n in range(1, 5)],
    test_accuracy=0.9889,
    digest="ab822d586c8d",
    seconds={"Downloading": 5.8, "Training": 34.2, "Uploading": 1.9},
)
PREDICTION = LabelledPrediction("3", "3", 0.998)


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")  # the client is made, never used


def _steps(console: Console) -> Steps:
    return Steps(console, [("Deploy every stack: train on 1 instance, serve", 55.1)])


def test_no_line_is_cut_at_80_columns() -> None:
    text = io.StringIO()
    console = Console(file=text, width=80)

    show(console, _steps(console), [JOB], [PREDICTION], SteadyClient("f", []))

    assert "…" not in text.getvalue()
    for part in (JOB.name, "instances: 4, log streams: 4", "98.9%", "34 training", "99.8%"):
        assert part in text.getvalue()


def test_the_json_has_every_part(tmp_path: Path) -> None:
    write_json(tmp_path / "out/demo.json", _steps(Console()), [JOB], [PREDICTION], SteadyClient("f", []))

    report = json.loads((tmp_path / "out/demo.json").read_text())
    assert report["steps"] == [{"name": "Deploy every stack: train on 1 instance, serve", "seconds": 55.1}]
    assert report["jobs"][0]["log_streams"] == JOB.log_streams
    assert report["predictions"] == [{"label": "3", "truth": "3", "probability": 0.998}]
    assert report["client"] == {"calls": 0, "errors": 0}
