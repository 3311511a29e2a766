"""docs/iam.md says what the contract says."""

from pathlib import Path

import pytest

from iam import __main__ as command
from iam.document import render
from iam.resolve import Template

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "iam.md"


def test_it_is_up_to_date() -> None:
    assert DOCUMENT.read_text() == render(), "run make iam-docs"


def test_every_role_and_the_ledgers_are_there(synthesized: dict[str, Template]) -> None:
    text = render()

    for role in ("training", "hosting", "trained-model", "classify"):
        assert f"## `PREFIX-{role}-REGION`" in text
    assert (
        "| PREFIX-training-REGION | `ecr:GetAuthorizationToken` | `*` | AWS has no resource for this action |" in text
    )
    assert "a metric has no ARN" in text
    assert "## `function PREFIX-classify:live`" in text
    assert "Called by **Service apigateway.amazonaws.com**, only if " in text
    assert "- PREFIX-trained-model-REGION, `sagemaker:StopTrainingJob`:" in text
    assert "```mermaid" in text


def test_a_stale_document_is_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "_DOCUMENT", tmp_path / "iam.md")

    assert command.main(["docs", "--check"]) == 1
    assert "run make iam-docs" in capsys.readouterr().err
    assert command.main(["docs"]) == 0
    assert command.main(["docs", "--check"]) == 0
