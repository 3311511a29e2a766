"""The gate inside a synth: nobody can acknowledge its findings, and it sees what the CDK puts into other files.

AWS: "Validations", CDK API reference: an acknowledgement of a rule drops its violations, but for fatal ones.
"""

from pathlib import Path

import pytest
from aws_cdk import Acknowledgment, App, NestedStack, Stack, Stage, Validations
from aws_cdk import aws_iam as iam
from constructs import Construct

from app import CONTEXT, build
from iam.contract import PATH
from settings import read_settings
from tests.defaults import DEFAULTS


@pytest.fixture
def app(tmp_path: Path) -> App:
    app = App(context=CONTEXT, outdir=str(tmp_path / "out"), analytics_reporting=False, tree_metadata=False)
    build(app, read_settings(DEFAULTS))
    return app


def _role(scope: Construct) -> None:
    iam.Role(scope, "Hidden", assumed_by=iam.AccountPrincipal("999999999999"))


def test_an_acknowledgement_silences_nothing(app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contract = tmp_path / "contract.yaml"
    lines = PATH.read_text().splitlines()
    contract.write_text("\n".join(line for line in lines if '"s3:DeleteObject"' not in line))
    monkeypatch.setattr("iam.check.PATH", contract)
    for rule in ("too-much", "acknowledged"):
        Validations.of(app).acknowledge(Acknowledgment(id=f"IAM gate::{rule}", reason="why not"))
        for stack in app.node.children:
            Validations.of(stack).acknowledge(Acknowledgment(id=f"IAM gate::{rule}", reason="why not"))

    with pytest.raises(RuntimeError) as failed:
        app.synth()

    assert "[too-much] slipway-dev-trained-model-REGION NoteWhoWaits: s3:DeleteObject on" in str(failed.value)
    assert "IAM-gate::too-much is acknowledged in it" in str(failed.value)


def test_a_nested_stack_is_a_finding(app: App) -> None:
    _role(NestedStack(app.node.find_child("slipway-dev-serving"), "Nested"))

    with pytest.raises(RuntimeError, match="AWS::CloudFormation::Stack is no type of resource in the contract"):
        app.synth()


def test_the_stack_of_a_stage_is_read(app: App) -> None:
    _role(Stack(Stage(app, "Stage"), "Stack"))

    with pytest.raises(RuntimeError, match=r"\[roles\] assembly-Stage/.*Hidden.* is not in the contract"):
        app.synth()
