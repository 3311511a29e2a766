"""`make deployer-policy`: files, what it says, and the steps that a service control policy stops."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tools.deployer_policy.conftest import PLACE
from tools.assembly import SynthesizedApp
from tools.deployer_policy import __main__ as deployer

WHERE = ["--account", PLACE.account, "--region", PLACE.region]


@pytest.fixture(autouse=True)
def synthesized(app: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The app without a synth in each test; the folder that gets the policies."""
    stacks = [file.name.removesuffix(".template.json") for file in app.glob("*.template.json")]
    monkeypatch.setattr(deployer, "synthesize", lambda _: SynthesizedApp(app, stacks))
    monkeypatch.setattr(deployer, "ROOT", tmp_path)
    monkeypatch.setattr(deployer, "OUT", tmp_path / "out")
    return tmp_path / "out"


def control(tmp_path: Path, *statements: dict[str, Any]) -> str:
    path = tmp_path / "scp.json"
    path.write_text(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
    return str(path)


def test_it_writes_policies_and_the_reason_of_each_line(synthesized: Path, capsys: pytest.CaptureFixture[str]) -> None:
    synthesized.mkdir()
    (synthesized / "deployer-policy-9.json").write_text("of an earlier run")

    assert deployer.main(WHERE) == 0

    said = capsys.readouterr().out
    files = sorted(file.name for file in synthesized.glob("*.json"))
    assert files == [f"deployer-policy-{number}.json" for number in range(1, len(files) + 1)]
    for number, file in enumerate(files, 1):
        name = f"slipway-dev-deployer-{number}"
        assert f"aws iam create-policy --policy-name {name} --policy-document file://out/{file}" in said
        assert f"arn:aws:iam::{PLACE.account}:policy/{name}" in said.splitlines()[-1]
    assert "This bootstrap is for every app and stage that uses it: give it the policies of all of them" in said
    where = f"bootstrap aws://{PLACE.account}/{PLACE.region} --qualifier hnb659fds"
    assert f"{where} --cloudformation-execution-policies" in said
    reasons = (synthesized / "deployer-policy.txt").read_text().splitlines()
    assert f"{len(reasons)} permissions in {len(files)} policies" in said
    [line] = [line for line in reasons if line.startswith("kms:CreateKey ")]
    assert line == "kms:CreateKey on *  # local AWS, schema: AWS::KMS::Key"


def test_a_policy_that_stops_nothing_is_said_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = {"StringNotEquals": {"aws:RequestedRegion": [PLACE.region, "us-east-1"]}}
    path = control(tmp_path, {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": elsewhere})
    assert deployer.main([*WHERE, "--scp", path]) == 0
    assert "stops no step of a deploy" in capsys.readouterr().out


def test_the_step_that_a_policy_stops_is_named_with_the_statement(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deny = {"Sid": "NoEndpoints", "Effect": "Deny", "Action": "sagemaker:CreateEndpoint", "Resource": "*"}
    assert deployer.main([*WHERE, "--scp", control(tmp_path, deny), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)["stopped"]
    steps = {step["step"].split(" Endpoint")[0]: step["reasons"] for step in said}
    assert steps.keys() == {"slipway-dev-serving: AWS::SageMaker::Endpoint", "role slipway-dev-notebook-eu-west-1"}
    assert all("statement NoEndpoints denies it" in reason for reasons in steps.values() for reason in reasons)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Deny everything", "it is not JSON"),
        ("[]", "must be a JSON object"),
        ('{"Version": "2012-10-17"}', "must contain a Statement"),
        ('{"Statement": [{"Effect": "Deny", "Action": "*"}]}', "must contain a Resource"),
        ('{"Statement": [{"Effect": "Refuse", "Action": "*", "Resource": "*"}]}', "invalid Effect: Refuse"),
        ('{"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}', "has Principal"),
    ],
)
def test_a_file_that_is_no_policy_is_refused_before_anything_is_written(
    synthesized: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, why: str
) -> None:
    (tmp_path / "scp.json").write_text(text)
    assert deployer.main([*WHERE, "--scp", str(tmp_path / "scp.json")]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {tmp_path}/scp.json is no service control policy: ")
    assert why in error
    assert not synthesized.exists()


@pytest.mark.parametrize("half", [["--account", "111122223333"], ["--region", "eu-west-1"]])
def test_an_account_without_its_region_is_refused(half: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        deployer.main(half)
    assert ended.value.code == 2
    assert "give both, or neither" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert deployer.main([*WHERE, "--scp", str(tmp_path / "none.json")]) == 1
    assert "none.json: No such file" in capsys.readouterr().err
