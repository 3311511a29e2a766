"""`make iam`, and the same gate inside `cdk synth`."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from iam.contract import PATH
from tools import cdk
from tools.permissions import main


def test_a_good_folder_passes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "Roles match the contract. Run `make demo` first" in said
    _, table = said.split("\n\n")
    heads, *rows, _ = table.splitlines()
    assert heads.split() == ["training", "hosting", "scoring", "trained-model", "classify"]
    assert next(row for row in rows if row.startswith("s3 images/")).split() == ["s3", "images/", "r", "r"]
    [passed] = [row for row in rows if row.startswith("iam role/slipway-dev-training-REGION")]
    assert passed.index("p", 30) == heads.index("trained-model")


def test_a_finding_is_one_line_and_exit_code_1(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in folder.glob("*.json"):
        text = path.read_text()
        (tmp_path / path.name).write_text(text.replace('"s3:DeleteObject"', '"s3:DeleteObjectVersion"'))

    assert main(["check", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert any("trained-model-REGION NoteWhoWaits: s3:DeleteObjectVersion" in line for line in lines)
    assert lines[-1].startswith("IAM gate: 2 finding(s)")


def test_for_programs_it_is_a_list_of_the_findings(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in folder.glob("*.json"):
        (tmp_path / path.name).write_text(path.read_text().replace('"s3:DeleteObject"', '"s3:DeleteObjectVersion"'))

    assert main(["check", str(tmp_path), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert len(found) == 2
    assert found[0].keys() == {"rule", "role", "statement", "where", "message", "fix", "witness"}
    assert main(["check", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_what_is_no_synthesized_folder_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path)]) == 1
    assert "run make synth" in capsys.readouterr().err


def test_a_malformed_contract_is_an_error_with_its_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "contract.yaml"
    broken.write_text("roles:\n  a: {purpose: x\n  b: 1\n")
    monkeypatch.setattr("iam.check.PATH", broken)

    assert main(["check", str(folder)]) == 1
    assert "iam/contract.yaml:3: this is not YAML" in capsys.readouterr().err


def test_cdk_synth_fails_when_a_role_is_not_as_the_contract_says(tmp_path: Path) -> None:
    """The app itself, beside a contract that lacks a line."""
    shutil.copy(cdk.ROOT / "app.py", tmp_path)
    for name in ("cdk.json", "settings", "aws", "tools", "stacks", "training", "serving", "lambda"):
        (tmp_path / name).symlink_to(cdk.ROOT / name)
    shutil.copytree(PATH.parent, tmp_path / "iam")
    lines = PATH.read_text().splitlines()
    (tmp_path / "iam" / PATH.name).write_text("\n".join(line for line in lines if '"s3:DeleteObject"' not in line))
    said: list[str] = []

    with pytest.raises(cdk.CdkFailed):
        cdk.run(
            "synth", "--quiet", "--app", f"{sys.executable} {tmp_path}/app.py", "--output", str(tmp_path / "out"),
            on_line=said.append,
        )  # fmt: skip

    assert any("[too-much] slipway-dev-trained-model-REGION NoteWhoWaits: s3:DeleteObject on" in line for line in said)
