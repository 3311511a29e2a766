"""Permissions: properties of every statement, and the few rights that matter most."""

import json
from pathlib import Path
from typing import Any, get_args

import boto3
import pytest
from aws_cdk.assertions import Template

from app import CONTEXT
from settings import names
from tests.stacks.conftest import Synthesize, synthesize_to
from tests.stacks.resources import ON_EC2, of_type, statements, text
from tests.stacks.resources import roles as roles_of

# The only actions that AWS gives no resource to: each has to be bounded in another way, or be harmless.
WITHOUT_RESOURCE = {"ecr:GetAuthorizationToken", "cloudwatch:PutMetricData"}


@pytest.fixture(scope="module")
def roles(templates: dict[str, Template]) -> dict[str, dict[str, Any]]:
    return roles_of(templates)


def test_there_are_five_roles(roles: dict[str, Any]) -> None:
    assert sorted(roles) == ["classify", "hosting", "scoring", "trained-model", "training"]


def test_a_stage_has_roles_of_its_own_in_each_region(synthesize: Synthesize) -> None:
    """Names of roles and instance profiles are unique in an account: "IAM identifiers", IAM user guide."""
    template = synthesize(notebook=True, **ON_EC2)["roles"]
    named = of_type(template, "AWS::IAM::Role")
    assert len(named) == 8
    assert all(text(role["RoleName"]).endswith("-${AWS::Region}") for role in named)
    (profile,) = of_type(template, "AWS::IAM::InstanceProfile")
    assert [profile["InstanceProfileName"]] == profile["Roles"]


def test_no_name_of_a_role_is_too_long() -> None:
    """64 characters: "IAM and AWS STS quotas", IAM user guide. Regions are those that botocore knows."""
    session = boto3.Session()
    regions = [r for p in session.get_available_partitions() for r in session.get_available_regions("sagemaker", p)]
    prefix = f"{'a' * 16}-{'b' * 10}"
    longest = max((names.role_name(prefix, s, r) for s in get_args(names.RoleSuffix) for r in regions), key=len)
    assert len(longest) <= 64


def test_no_role_has_a_managed_policy(roles: dict[str, Any]) -> None:
    assert not [name for name, role in roles.items() if role.get("ManagedPolicyArns")]


def test_every_statement_allows_named_actions(roles: dict[str, Any]) -> None:
    for role in roles.values():
        for statement in statements(role).values():
            assert statement["Effect"] == "Allow"
            assert not [action for action in statement["Action"] if "*" in action]


def test_only_actions_without_a_resource_are_allowed_on_everything(roles: dict[str, Any]) -> None:
    everywhere = {
        action
        for role in roles.values()
        for statement in statements(role).values()
        if "*" in statement["Resource"]
        for action in statement["Action"]
    }
    assert everywhere == WITHOUT_RESOURCE


def test_only_a_spot_jobs_role_may_touch_checkpoints(
    templates: dict[str, Template], gpu_fleet: dict[str, Template]
) -> None:
    def about_checkpoints(templates: dict[str, Template]) -> dict[str, set[str]]:
        return {
            suffix: actions
            for suffix, role in roles_of(templates).items()
            if (actions := {a for s in statements(role).values() if "checkpoints/" in str(s) for a in s["Action"]})
        }

    assert about_checkpoints(templates) == {}
    assert about_checkpoints(gpu_fleet) == {"training": {"s3:ListBucket", "s3:GetObject", "s3:PutObject"}}


def test_metrics_go_to_sagemakers_own_namespaces(roles: dict[str, Any]) -> None:
    for name, namespace in {
        "training": "/aws/sagemaker/TrainingJobs",
        "hosting": "/aws/sagemaker/Endpoints",
        "scoring": "/aws/sagemaker/ProcessingJobs",
    }.items():
        condition = statements(roles[name])["WriteMetrics"]["Condition"]
        assert condition == {"StringEquals": {"cloudwatch:namespace": namespace}}


@pytest.mark.parametrize("name", ["training", "hosting", "scoring"])
def test_sagemaker_takes_on_a_role_for_this_account_only(roles: dict[str, Any], name: str) -> None:
    (trust,) = roles[name]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "sagemaker.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    source = text(trust["Condition"]["ArnLike"]["aws:SourceArn"])
    assert source.startswith("arn:${AWS::Partition}:sagemaker:${AWS::Region}:${AWS::AccountId}:")


@pytest.mark.parametrize("name", ["trained-model", "classify"])
def test_the_functions_roles_are_for_lambda(roles: dict[str, Any], name: str) -> None:
    (trust,) = roles[name]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}


def test_one_role_can_be_passed_and_to_one_service(roles: dict[str, Any]) -> None:
    passing = {
        name: statement
        for name, role in roles.items()
        for statement in statements(role).values()
        if "iam:PassRole" in statement["Action"]
    }
    assert list(passing) == ["trained-model"]
    (statement,) = passing.values()
    assert statement["Action"] == ["iam:PassRole"]
    (resource,) = statement["Resource"]
    assert "*" not in resource
    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


def test_training_reads_one_data_set_and_one_program(roles: dict[str, Any], templates: dict[str, Any]) -> None:
    granted = statements(roles["training"])
    (data,) = granted["ReadData"]["Resource"]
    (program,) = granted["ReadProgram"]["Resource"]
    assert data.count("*") == 1
    assert "/data/" in data
    assert program.endswith(".zip")
    assert "*" not in program


def test_training_writes_what_its_jobs_make_only(roles: dict[str, Any]) -> None:
    assert _objects(roles["training"], "s3:PutObject") == ["jobs/slipway-dev-*"]


def test_hosting_reads_models_only(roles: dict[str, Any]) -> None:
    assert _objects(roles["hosting"], "s3:GetObject") == ["models/*"]
    assert not _objects(roles["hosting"], "s3:PutObject")


def test_scoring_reads_models_and_images_and_writes_results_only(roles: dict[str, Any], synthesize: Synthesize) -> None:
    folders = ["data/*", "images/*", "models/*/model.tar.gz", "scores/*/input/*"]
    assert sorted(_objects(roles["scoring"], "s3:GetObject")) == folders
    assert _objects(roles["scoring"], "s3:PutObject") == ["scores/*/results/*"]
    without = roles_of(synthesize(s3_images=""))["scoring"]
    assert "images/*" not in _objects(without, "s3:GetObject")


def test_only_scoring_jobs_of_this_system_get_the_scoring_role(roles: dict[str, Any]) -> None:
    (trust,) = roles["scoring"]["AssumeRolePolicyDocument"]["Statement"]
    source = text(trust["Condition"]["ArnLike"]["aws:SourceArn"])
    assert source.rpartition(":")[2] == "processing-job/slipway-dev-score-*"


@pytest.mark.parametrize("name", ["hosting", "scoring"])
def test_the_image_is_pulled_from_the_cdks_repository_of_its_account_alone_or_from_the_one_that_is_set(
    roles: dict[str, Any], synthesize: Synthesize, name: str
) -> None:
    here = "arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository"
    assert statements(roles[name])["PullImage"]["Resource"] == [
        f"{here}/cdk-hnb659fds-container-assets-${{AWS::AccountId}}-${{AWS::Region}}"
    ]
    image = f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/teams/classifier@sha256:{'0' * 64}"
    pushed = roles_of(synthesize(serving_image=image))
    assert statements(pushed[name])["PullImage"]["Resource"] == [
        "arn:${AWS::Partition}:ecr:eu-west-1:123456789012:repository/teams/classifier"
    ]


def test_nobody_can_delete_data_or_models(roles: dict[str, Any]) -> None:
    deletable = [prefix for role in roles.values() for prefix in _objects(role, "s3:DeleteObject")]
    assert deletable == ["jobs/waiting/*"]


def test_lists_are_limited_to_prefixes(roles: dict[str, Any]) -> None:
    for role in roles.values():
        for statement in statements(role).values():
            if "s3:ListBucket" in statement["Action"]:
                assert "*" not in statement["Condition"]["StringLike"]["s3:prefix"]


def test_the_key_is_used_through_s3_or_lent_to_an_aws_service(roles: dict[str, Any]) -> None:
    for suffix, role in roles.items():
        for statement in statements(role).values():
            if "kms:CreateGrant" in statement["Action"]:
                assert statement["Action"] == ["kms:CreateGrant"]
                assert statement["Condition"] == {"Bool": {"kms:GrantIsForAWSResource": "true"}}
            elif statement["Action"] == ["kms:Encrypt"]:  # their output's key, by SageMaker's API reference: no service
                assert suffix in ("training", "scoring")
            elif any(action.startswith("kms:") for action in statement["Action"]):
                via = text(statement["Condition"]["StringEquals"]["kms:ViaService"])
                assert via == "s3.${AWS::Region}.${AWS::URLSuffix}"


def test_classify_may_call_the_systems_endpoint_read_one_folder_and_write_its_log(roles: dict[str, Any]) -> None:
    granted = statements(roles["classify"])
    assert sorted(action for statement in granted.values() for action in statement["Action"]) == [
        "kms:Decrypt",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:GetObject",
        "sagemaker:InvokeEndpoint",
    ]
    assert _objects(roles["classify"], "s3:GetObject") == ["images/*"]
    (endpoint,) = granted["Invoke"]["Resource"]
    assert endpoint.endswith(":endpoint/slipway-dev-????")


def test_the_program_may_be_under_any_key_that_a_bootstrap_has(roles: dict[str, Any]) -> None:
    """S3 names the object to KMS, or the bucket if that has a bucket key: "Encryption context" in "Using server-side
    encryption with AWS KMS keys", S3 user guide."""
    granted = statements(roles["training"])
    (program,) = granted["ReadProgram"]["Resource"]
    assert granted["UseKeyOfAsset"]["Action"] == ["kms:Decrypt"]
    named = granted["UseKeyOfAsset"]["Condition"]["StringEquals"]["kms:EncryptionContext:aws:s3:arn"]
    assert [text(arn) for arn in named] == [program.rpartition("/")[0], program]


def test_a_role_of_one_system_reaches_no_other_system(roles: dict[str, Any]) -> None:
    """Every resource names the system, or is a role or key of it, a container's repository, or the shared job logs."""
    logs = ("log-group:/aws/sagemaker/TrainingJobs", "log-group:/aws/sagemaker/ProcessingJobs")
    shared = ("repository/", *logs, "cdk-", "${import ", ".Arn}")
    for role in roles.values():
        for sid, statement in statements(role).items():
            if sid == "UseKeyOfAsset":  # any key, for one object
                continue
            for resource in statement["Resource"]:
                assert resource == "*" or "slipway-dev-" in resource or any(part in resource for part in shared), (
                    json.dumps(statement)
                )


def _objects(role: dict[str, Any], action: str) -> list[str]:
    """The object patterns, without the bucket, that a role may use `action` on in the system's bucket."""
    return [
        resource.split("/", 1)[1]
        for statement in statements(role).values()
        if action in statement["Action"]
        for resource in statement["Resource"]
        if "slipway-dev-" in resource
    ]


def test_a_path_is_that_of_every_role_and_profile_and_in_the_arns_that_name_them(synthesize: Synthesize) -> None:
    template = synthesize(role_path="/teams/vision/", notebook=True, **ON_EC2)["roles"]
    made = [*of_type(template, "AWS::IAM::Role"), *of_type(template, "AWS::IAM::InstanceProfile")]
    assert {each["Path"] for each in made} == {"/teams/vision/"}
    seen = statements(roles_of({"roles": template})["notebook"])["SeeRoles"]["Resource"]
    assert all(":role/teams/vision/slipway-dev-" in role for role in seen)


def test_the_cdks_permissions_boundary_is_that_of_every_role(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ "Create and apply permissions boundaries for the AWS CDK", CDK developer guide."""
    monkeypatch.setitem(CONTEXT, "@aws-cdk/core:permissionsBoundary", {"name": "developers"})
    template = synthesize_to(tmp_path, notebook=True, **ON_EC2)["roles"]
    boundaries = {text(role["PermissionsBoundary"]) for role in of_type(template, "AWS::IAM::Role")}
    assert boundaries == {"arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/developers"}
