"""`make prove` on a local AWS: interrupted, gone on with, answered, and removed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_aws.home import ACCOUNT, Home
from tools.cdk import ROOT
from tools.deploy.inventory import Deployment

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

MIN_ANSWERED = 25


@pytest.fixture
def prove(aws: Home, tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Starts the command in a folder of its own, on the local AWS."""

    def start(*arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-u", "-m", "tools.prove", *arguments],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores it
        )  # fmt: skip

    yield start  # type: ignore[misc]


def test_an_interrupted_proof_goes_on_answers_and_leaves_nothing(prove, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    first = prove("--yes")
    for line in first.stdout:
        if "deploy once more" in line:
            first.send_signal(signal.SIGINT)
            break
    said, _ = first.communicate()
    assert first.returncode == 130
    [still] = [line for line in said.splitlines() if line.startswith("still runs")]
    assert "endpoint slipway-prove-" in still
    assert "make destroy YES=1" in still
    known = json.loads((tmp_path / "out" / "prove.json").read_text())
    assert known["done"] == ["preflight", "base"]

    second = prove()
    said, errors = second.communicate()
    print(said, errors)

    assert "going on with the interrupted proof" in said
    proof = json.loads((tmp_path / "out" / "proof.json").read_text())
    rows = {row["name"]: row for row in proof["rows"]}
    assert {name: row for name, row in rows.items() if row["ok"] is False} == {}
    assert {name for name, row in rows.items() if row["ok"] is None and row["why"] == ""} == set()
    assert sum(row["ok"] is True for row in rows.values()) >= MIN_ANSWERED
    assert all(row["evidence"] for row in rows.values() if row["ok"] is not None)
    assert rows["program-from-zip"] == known["answers"]["program-from-zip"]  # it was not asked again
    assert proof["left"] == Deployment("slipway", "prove", ACCOUNT).find() == []
    assert second.returncode == 0
