"""The gate refuses what differs, says where, shows an example and names the fix."""

import copy
from pathlib import Path
from typing import Any

import pytest

from iam.check import check_templates
from iam.contract import PATH
from iam.findings import GateFinding
from iam.template import load
from tests.iam.conftest import PUSHED, ROLES, Templates, is_role, role, statement, synthesize

NOBODY = {"Version": "2012-10-17", "Statement": []}


def _only(findings: list[GateFinding]) -> GateFinding:
    [finding] = findings
    return finding


def _rules(findings: list[GateFinding]) -> set[str]:
    return {finding.rule for finding in findings}


def test_the_app_equals_the_contract_with_weights_and_without(synthesized: Templates, tmp_path: Path) -> None:
    assert check_templates(synthesized) == []
    assert check_templates(load(synthesize(tmp_path))) == []


def test_a_right_whose_setting_is_off_is_too_much(templates: Templates, with_everything: Templates) -> None:
    templates[ROLES] = with_everything[ROLES]

    found = check_templates(templates)

    assert {f.statement for f in found} == {
        "ListWeights", "ReadWeights", "FindCheckpoint", "KeepCheckpoint", "KeepCalls", "UseKeyForObjects",
        "",  # whole roles: the notebook's, its trials', and the EC2 instance's
    }  # fmt: skip
    assert _rules(found) == {"too-much", "roles", "types"}


def test_a_widened_resource_is_shown_with_a_witness_and_its_line(templates: Templates) -> None:
    statement(templates, "hosting", "ReadModels")["Resource"] = "arn:aws:s3:::other/*"

    too_little, too_much = sorted(check_templates(templates))

    assert (too_much.rule, too_much.role, too_much.statement) == (
        "too-much",
        "slipway-dev-hosting-REGION",
        "ReadModels",
    )
    assert too_much.where.startswith("stacks/permissions/hosting.py:")
    assert too_much.witness == "s3:GetObject on arn:aws:s3:::other/"
    assert "narrow it to arn:${AWS::Partition}:s3:::slipway-dev-" in too_much.fix
    assert (too_little.rule, too_little.where[:17]) == ("too-little", "iam/contract.yaml")


def test_an_unknown_intrinsic_is_refused(templates: Templates) -> None:
    statement(templates, "hosting", "ReadModels")["Resource"] = {"Fn::Select": [0, ["*"]]}

    assert "Fn::Select is not known" in str([f for f in check_templates(templates) if f.rule == "resolve"])


@pytest.mark.parametrize("key", ["NotAction", "NotResource"])
def test_not_lists_are_refused(templates: Templates, key: str) -> None:
    changed = statement(templates, "hosting", "ReadModels")
    changed[key] = changed.pop(key.removeprefix("Not"))

    assert f"it has {key}" in str([f for f in check_templates(templates) if f.rule == "plain-allow"])


def test_an_attached_managed_policy_is_refused(templates: Templates) -> None:
    role(templates, "hosting")["ManagedPolicyArns"] = ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"]

    finding = _only(check_templates(templates))
    assert (finding.rule, finding.message) == ("own-statements", "a managed policy is attached to it")


def test_a_policy_beside_the_roles_is_refused(templates: Templates) -> None:
    templates[ROLES]["Resources"]["More"] = {"Type": "AWS::IAM::Policy", "Properties": {}}

    assert _only(check_templates(templates)).message == "it is an AWS::IAM::Policy"


def test_a_role_without_a_contract_entry_is_refused(templates: Templates) -> None:
    helper = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": NOBODY}}
    templates["slipway-dev-serving"]["Resources"]["HelperRole"] = helper

    finding = _only(check_templates(templates))
    assert (finding.rule, finding.role) == ("roles", "slipway-dev-serving.HelperRole")
    assert "pass a role to the CDK helper" in finding.fix


def test_a_contract_entry_without_a_role_is_refused(templates: Templates) -> None:
    text = PATH.read_text().replace("${prefix}-classify-${AWS::Region}:\n", "${prefix}-clasify-${AWS::Region}:\n")

    assert {(f.rule, f.message.split(" is")[0]) for f in check_templates(templates, text)} == {
        ("roles", "no template creates this role"),
        ("roles", f"{ROLES}.{_logical_id(templates)}"),
    }


def test_another_caller_of_a_function_is_refused(with_everything: Templates) -> None:
    """Its policy is made of permissions: "AddPermission", Lambda API reference."""
    templates = copy.deepcopy(with_everything)
    permissions = [
        found["Properties"]
        for found in templates["slipway-dev-serving"]["Resources"].values()
        if found["Type"] == "AWS::Lambda::Permission"
    ]
    [permission] = permissions
    permission["SourceArn"] = {"Fn::Sub": "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:*"}

    too_much, too_little = sorted(check_templates(templates), key=lambda finding: finding.message)
    assert (too_much.rule, too_much.role) == ("trust", "function slipway-dev-classify:live")
    assert too_much.message.startswith("the role allows lambda:InvokeFunction by Service apigateway.amazonaws.com")
    assert "the role does not allow lambda:InvokeFunction" in too_little.message


def test_a_caller_of_a_function_that_has_none_is_refused(templates: Templates) -> None:
    templates["slipway-dev-serving"]["Resources"]["MayCall"] = {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "Action": "lambda:InvokeFunction",
            "FunctionName": "slipway-dev-classify",
            "Principal": "111122223333",
        },
    }
    finding = _only(check_templates(templates))
    assert (finding.rule, finding.role) == ("roles", "function slipway-dev-classify")


def _logical_id(templates: Templates) -> str:
    resources = templates[ROLES]["Resources"].items()
    [found] = [k for k, r in resources if is_role(r, "classify")]
    return str(found)


@pytest.mark.parametrize(
    ("line", "changed", "message", "fix"),
    [
        ("s3:DeleteObject", "s3:DeleteObjekt", "AWS has no action s3:DeleteObjekt", "use s3:DeleteObject"),
        (
            "s3:DeleteObject",
            "s3:DeleteBucket",
            "s3:DeleteBucket applies to bucket; the resource is object",
            "name such",
        ),
        ("s3:DeleteObject", "s3:Delete*", "s3:Delete* is a pattern", "name each action"),
        ("s3:DeleteObject", "glacier:Upload", "iam/facts.json lacks the service of glacier:Upload", "make iam-facts"),
    ],
)
def test_what_aws_does_not_know_is_refused(
    templates: Templates, line: str, changed: str, message: str, fix: str
) -> None:
    found = check_templates(templates, PATH.read_text().replace(f'"{line}"', f'"{changed}"'))

    finding = _only([f for f in found if f.rule in ("facts", "explicit-action")])
    assert message in finding.message
    assert fix in finding.fix
    assert finding.where.startswith("iam/contract.yaml:")


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"StringEquals": {"sagemaker:VolumeKmsKey": "k"}}, "sagemaker:VolumeKmsKey is deprecated"),
        ({"StringEquals": {"s3:prefix": "k"}}, "never sends s3:prefix"),
        ({"StringEquals": {"sagemaker:InstanceTypes": "ml.m5.large"}}, "sagemaker:InstanceTypes has several values"),
        ({"ForAllValues:StringEquals": {"sagemaker:InstanceTypes": "ml.m5.large"}}, "has several values"),
    ],
)
def test_a_condition_that_does_not_bind_is_refused(templates: Templates, block: Any, message: str) -> None:
    statement(templates, "trained-model", "RunJobs")["Condition"] = block
    statement(templates, "trained-model", "RunJobs")["Action"] = "sagemaker:CreateTrainingJob"

    assert message in " ".join(f.message for f in check_templates(templates) if f.rule == "facts")


def test_several_values_with_a_guard_are_accepted_as_facts(templates: Templates) -> None:
    changed = statement(templates, "trained-model", "RunJobs")
    changed["Action"] = "sagemaker:CreateTrainingJob"
    changed["Condition"] = {
        "ForAllValues:StringEquals": {"sagemaker:InstanceTypes": ["ml.m5.large"]},
        "Null": {"sagemaker:InstanceTypes": "false"},
    }

    assert "facts" not in _rules(check_templates(templates))


def test_a_star_needs_its_reason(templates: Templates) -> None:
    lines = PATH.read_text().splitlines()
    without = [
        line[: line.index("wildcard:")] + line[line.index("why:") :] if "wildcard: a" in line else line
        for line in lines
    ]

    assert _rules(check_templates(templates, "\n".join(without))) == {"wildcard"}


@pytest.mark.parametrize(
    "address",
    [
        PUSHED,
        PUSHED.replace("123456789012", "${AWS::AccountId}"),
        "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/other:tag",
    ],
)
def test_the_repository_of_another_image_is_another_right(templates: Templates, address: str) -> None:
    for resource in templates["slipway-dev-serving"]["Resources"].values():
        if resource["Type"] == "AWS::SageMaker::Model":
            resource["Properties"]["PrimaryContainer"]["Image"] = {"Fn::Sub": address}

    found = [finding for finding in check_templates(templates) if finding.rule in ("too-much", "too-little")]

    assert {"too-much", "too-little"} == _rules(found)
    assert {finding.role for finding in found} == {"slipway-dev-hosting-REGION", "slipway-dev-scoring-REGION"}


def test_a_role_and_what_it_serves_cannot_drift_apart(templates: Templates) -> None:
    for resource in templates["slipway-dev-trained-model"]["Resources"].values():
        if resource["Type"] == "Custom::TrainedModel":
            resource["Properties"]["Dataset"] = "0" * 64

    assert {"too-much", "too-little", "resources"} == _rules(check_templates(templates))
