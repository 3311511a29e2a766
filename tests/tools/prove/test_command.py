"""`make prove`: what is said and asked before anything is deployed, and what an interruption leaves."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local_aws.home import ACCOUNT
from tools.deploy.inventory import DeployedResource, Deployment
from tools.prove import __main__ as command
from tools.prove.run import Proof
from tools.prove.state import FILE, ProofState

ENDPOINT = DeployedResource("endpoint", "slipway-prove-1a2b")


class Account:
    """An account: `found` are the resources of the stage, `run` is what the proof does there."""

    def __init__(self) -> None:
        self.found: list[DeployedResource] = []
        self.runs = 0
        self.run: Callable[[Proof], None] = self.answer

    def answer(self, proof: Proof) -> None:
        """Answer every row as expected, and leave nothing."""
        self.runs += 1
        for row in proof.rows:
            entry = {"name": row.name, "question": "", "answer": "", "ok": True, "why": "", "evidence": "", "doubt": ""}
            proof._state.answers[row.name] = entry
        proof._state.facts["destroy"] = {"left": []}
        proof._state.done = ["preflight", "base", "destroy"]
        proof.save()


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Account:
    account = Account()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLIPWAY_STAGES", str(tmp_path))  # which the command sets itself
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setattr(command, "require_aws", lambda: (ACCOUNT, "eu-west-1"))
    monkeypatch.setattr(command, "write_digits", lambda path: path.mkdir(parents=True))
    monkeypatch.setattr(command, "checked", lambda _: SimpleNamespace())
    monkeypatch.setattr(command, "digest", lambda _: "1" * 64)
    monkeypatch.setattr(command.ProvedSystem, "assembly", lambda *_, **__: None)
    monkeypatch.setattr(command, "standing_hour", lambda *_: 0.25)
    monkeypatch.setattr(command, "priced_region", lambda *_: "us-east-1")
    monkeypatch.setattr(Deployment, "find", lambda _: account.found)
    monkeypatch.setattr(Proof, "run", lambda proof: account.run(proof))
    return account


def test_it_says_how_long_it_takes_and_what_it_costs_and_asks(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--only", "no-change"]) == 1
    said = capsys.readouterr()
    assert f"1 rows, in account {ACCOUNT}, region eu-west-1, as stage prove:" in said.out
    assert "in an account an estimated 0." in said.out
    assert "$ at list prices of us-east-1; what stands costs 0.25 $ an hour" in said.out
    assert "aws/prices.yaml lacks some prices of eu-west-1, where it may cost more: MAX_USD counts these" in said.out
    assert said.err == "error: no terminal to confirm on: add YES=1 to skip the question\n"
    assert account.runs == 0


def test_agreed_it_runs_and_writes_the_proof(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--only", "no-change,container-answers", "--yes"]) == 0
    proof = json.loads(Path("out/proof.json").read_text())
    assert [row["name"] for row in proof["rows"]] == ["container-answers", "no-change"]
    assert proof["left"] == []
    assert "2 of 2 rows answered, 0 of them not as expected" in capsys.readouterr().out
    assert not FILE.exists()


def test_an_unknown_row_is_named_with_those_there_are(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--only", "nonsense", "--yes"]) == 1
    assert capsys.readouterr().err.startswith("error: no row nonsense: take some of ")


def test_a_stage_that_something_else_deployed_is_left_alone(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.found = [ENDPOINT]
    assert command.main(["--yes"]) == 1
    assert account.runs == 0
    error = capsys.readouterr().err
    assert "stage prove is deployed in account" in error
    assert "endpoint slipway-prove-1a2b among them" in error
    assert 'make destroy YES=1 SETTINGS="app=slipway stage=prove keep_data=false"' in error


def test_ctrl_c_says_in_one_line_what_runs_and_how_to_go_on_and_the_next_call_does(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(proof: Proof) -> None:
        proof._state.done = ["preflight", "base"]
        proof.save()
        account.found = [ENDPOINT, DeployedResource("role", "slipway-prove-training")]
        raise KeyboardInterrupt

    account.run = interrupted
    assert command.main(["--only", "no-change", "--yes"]) == 130
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == (
        "still runs, about 0.25 $ an hour: endpoint slipway-prove-1a2b. Go on: make prove. End it: "
        'make destroy YES=1 SETTINGS="app=slipway stage=prove keep_data=false"'
    )

    account.run = account.answer
    assert command.main(["--only", "no-change"]) == 0  # it was agreed to
    assert "going on with the interrupted proof" in capsys.readouterr().out


def test_a_proof_that_was_removed_meanwhile_begins_anew(account: Account) -> None:
    ProofState(ACCOUNT, "eu-west-1", {}, done=["preflight", "base"]).save(FILE)
    assert command.main(["--only", "no-change", "--yes"]) == 0
    assert account.runs == 1


def test_the_interrupted_proof_of_another_account_is_not_taken_for_this_one(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.found = [ENDPOINT]
    ProofState("1" * 12, "eu-west-1", {}, done=["preflight", "base"]).save(FILE)
    assert command.main(["--yes"]) == 1
    assert "of an interrupted proof in account 111111111111" in capsys.readouterr().err
    assert account.runs == 0


def test_an_interrupted_proof_of_another_stage_is_not_forgotten(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Deployment, "find", lambda of: [ENDPOINT] if of.stage == "prove" else [])
    ProofState(ACCOUNT, "eu-west-1", {"stage": "prove"}, done=["preflight", "base"]).save(FILE)
    assert command.main(["--yes", "--settings", "stage=other"]) == 1
    error = capsys.readouterr().err
    assert "of an interrupted proof" in error
    assert "stage=prove keep_data=false" in error
    assert json.loads(FILE.read_text())["settings"] == {"stage": "prove"}


def test_a_state_that_cannot_be_read_is_named_with_the_way_out(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    FILE.parent.mkdir()
    FILE.write_text("{")
    assert command.main(["--yes"]) == 1
    assert "out/prove.json is not of an interrupted `make prove` of this version" in capsys.readouterr().err


def test_what_could_not_be_removed_is_listed_and_removed_by_the_next_call(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    def leaving(proof: Proof) -> None:
        account.answer(proof)
        proof._state.facts["destroy"] = {"left": ["bucket x"]}

    account.run = leaving
    assert command.main(["--only", "no-change", "--yes"]) == 1
    assert "left: bucket x: run make prove again to remove it" in capsys.readouterr().out
    assert json.loads(Path("out/proof.json").read_text())["left"] == ["bucket x"]
    assert "destroy" not in json.loads(FILE.read_text())["done"]


@pytest.mark.parametrize(("entry", "code"), [({"ok": False}, 1), ({"ok": None, "why": "later"}, 1), ({"ok": True}, 0)])
def test_the_exit_code_tells_of_an_answer_that_is_not_the_expected_one(
    account: Account, entry: dict[str, Any], code: int
) -> None:
    def differing(proof: Proof) -> None:
        account.answer(proof)
        proof._state.answers["no-change"] |= entry

    account.run = differing
    assert command.main(["--only", "no-change", "--yes"]) == code
