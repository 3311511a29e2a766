"""The bucket is private, encrypted, logged and tidy; the program's zip is the same everywhere."""

from pathlib import Path

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Match, Template

from stacks.training_program import MissingWheels, TrainingProgram
from tests.stacks.conftest import Synthesize
from tests.stacks.resources import of_type, only, statements, text, training_request

BUCKET = "slipway-dev-${AWS::AccountId}-${AWS::Region}"


def test_the_bucket_is_named_after_app_stage_account_and_region(templates: dict[str, Template]) -> None:
    names = [text(bucket["BucketName"]) for bucket in of_type(templates["storage"], "AWS::S3::Bucket")]
    assert sorted(names) == [BUCKET, f"{BUCKET}-logs"]


def test_data_is_encrypted_with_a_key_that_rotates(templates: dict[str, Template]) -> None:
    by_default = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}
    templates["storage"].has_resource_properties(
        "AWS::S3::Bucket",
        {
            "BucketEncryption": {"ServerSideEncryptionConfiguration": [Match.object_like(by_default)]},
            "LoggingConfiguration": Match.object_like({"LogFilePrefix": "bucket/"}),
        },
    )
    templates["storage"].has_resource_properties("AWS::KMS::Key", {"EnableKeyRotation": True})


def test_every_bucket_keeps_versions_for_a_while(templates: dict[str, Template]) -> None:
    for bucket in of_type(templates["storage"], "AWS::S3::Bucket"):
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        expiring = [rule.get("NoncurrentVersionExpiration") for rule in bucket["LifecycleConfiguration"]["Rules"]]
        assert {"NoncurrentDays": 30} in expiring


def test_no_bucket_can_be_public(templates: dict[str, Template]) -> None:
    for bucket in of_type(templates["storage"], "AWS::S3::Bucket"):
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}


def test_no_bucket_takes_acls(templates: dict[str, Template]) -> None:
    for bucket in of_type(templates["storage"], "AWS::S3::Bucket"):
        assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        assert "AccessControl" not in bucket


def test_every_access_to_the_bucket_is_logged(templates: dict[str, Template]) -> None:
    log, data = templates["storage"].find_resources("AWS::S3::Bucket").items()
    assert data[1]["Properties"]["LoggingConfiguration"]["DestinationBucketName"] == {"Ref": log[0]}


def test_no_bucket_policy_lets_another_account_in(templates: dict[str, Template]) -> None:
    """The one statement that allows anything is for S3 itself, to deliver this account's access logs."""
    (allowed,) = [
        rule
        for policy in of_type(templates["storage"], "AWS::S3::BucketPolicy")
        for rule in policy["PolicyDocument"]["Statement"]
        if rule["Effect"] == "Allow"
    ]
    assert allowed["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert allowed["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}


def test_the_key_is_for_this_account_alone(templates: dict[str, Template]) -> None:
    own, *services = only(templates["storage"], "AWS::KMS::Key")["KeyPolicy"]["Statement"]
    assert text(own["Principal"]["AWS"]) == "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"
    for statement in services:
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}


def test_of_aws_services_only_this_systems_alarms_and_budgets_may_use_the_key(templates: dict[str, Template]) -> None:
    _, *rules = only(templates["storage"], "AWS::KMS::Key")["KeyPolicy"]["Statement"]
    here = "${AWS::Region}:${AWS::AccountId}"
    assert {rule["Principal"]["Service"]: text(rule["Condition"]["ArnLike"]["aws:SourceArn"]) for rule in rules} == {
        "cloudwatch.amazonaws.com": f"arn:${{AWS::Partition}}:cloudwatch:{here}:alarm:slipway-dev-*",
        "budgets.amazonaws.com": "arn:${AWS::Partition}:budgets::${AWS::AccountId}:*",
    }


def test_roles_may_use_this_key_and_no_other(templates: dict[str, Template]) -> None:
    (key,) = templates["storage"].find_resources("AWS::KMS::Key")
    outputs = templates["storage"].to_json()["Outputs"].values()
    (export,) = [output["Export"]["Name"] for output in outputs if output["Value"] == {"Fn::GetAtt": [key, "Arn"]}]
    used = {
        resource
        for role in of_type(templates["roles"], "AWS::IAM::Role")
        for statement in statements(role).values()
        if any(action.startswith("kms:") for action in statement["Action"])
        # The CDK's bucket may have another: only for one object, see tests/stacks/test_permissions.py.
        if "kms:EncryptionContext:aws:s3:arn" not in statement.get("Condition", {}).get("StringEquals", {})
        for resource in statement["Resource"]
    }
    assert used == {f"${{import {export}}}"}


def test_every_bucket_refuses_plain_http(templates: dict[str, Template]) -> None:
    policies = of_type(templates["storage"], "AWS::S3::BucketPolicy")
    assert len(policies) == 2
    for policy in policies:
        denials = [rule for rule in policy["PolicyDocument"]["Statement"] if rule["Effect"] == "Deny"]
        (denial,) = denials
        assert denial["Action"] == "s3:*"
        assert denial["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_what_is_left_over_expires(templates: dict[str, Template]) -> None:
    rule = Match.object_like
    templates["storage"].has_resource_properties(
        "AWS::S3::Bucket",
        {
            "LifecycleConfiguration": {
                "Rules": Match.array_with(
                    [
                        rule(
                            {
                                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                                "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
                            }
                        ),
                        rule({"Prefix": "jobs/", "ExpirationInDays": 90}),
                        rule({"Prefix": "scores/", "ExpirationInDays": 90}),
                    ]
                )
            }
        },
    )


@pytest.mark.parametrize(
    ("fixture", "policies"),
    [("templates", ("RetainExceptOnCreate", "Retain")), ("gpu_fleet", ("Delete", "Delete"))],
)
def test_keep_data_decides_what_a_deleted_stack_leaves(
    fixture: str, policies: tuple[str, str], request: pytest.FixtureRequest
) -> None:
    """And what a failed first deploy leaves: nothing. "DeletionPolicy attribute", CloudFormation template reference."""
    storage: Template = request.getfixturevalue(fixture)["storage"]
    for kind in ("AWS::S3::Bucket", "AWS::KMS::Key"):
        made = storage.find_resources(kind).values()
        assert {(found["DeletionPolicy"], found["UpdateReplacePolicy"]) for found in made} == {policies}


def _program(root: Path, files: dict[str, str]) -> str:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    stack = Stack(App(outdir=str(root.parent / f"{root.name}.out")), "program")
    return TrainingProgram(stack, "Program", source=root).digest


SOURCES = {
    "training/wheels/engine.whl": "0",
    "training/__main__.py": "1",
    "training/loop.py": "2",
    "serving/__init__.py": "3",
    "serving/preprocessing.py": "4",
    "serving/image_png.py": "5",
}


@pytest.mark.parametrize(
    "beside",
    [
        {"README.md": "x"},
        {"stacks/training.py": "x"},
        {"training/__pycache__/loop.cpython-311.pyc": "x"},
        {"training/loop.pyc": "x"},
        {"serving/.DS_Store": "x"},
        {"serving/app.py": "x"},
        {"serving/requirements.txt": "x"},
        {"data/serving/preprocessing.py": "x"},
    ],
    ids=lambda files: next(iter(files)),
)
def test_the_programs_digest_ignores_what_is_no_part_of_it(tmp_path: Path, beside: dict[str, str]) -> None:
    assert _program(tmp_path / "here", SOURCES) == _program(tmp_path / "there", {**beside, **SOURCES})


@pytest.mark.parametrize("changed", SOURCES)
def test_the_programs_digest_follows_every_source_file(tmp_path: Path, changed: str) -> None:
    edited = {**SOURCES, changed: "edited"}
    assert _program(tmp_path / "before", SOURCES) != _program(tmp_path / "after", edited)


def test_a_program_without_the_wheels_that_its_container_needs_is_refused(tmp_path: Path) -> None:
    bare = {name: content for name, content in SOURCES.items() if not name.endswith(".whl")}
    with pytest.raises(MissingWheels, match=r"^training/wheels: .*make setup"):
        _program(tmp_path / "bare", bare)


def test_an_existing_key_encrypts_everything_and_none_is_made(synthesize: Synthesize) -> None:
    arn = "arn:aws:kms:eu-west-1:123456789012:key/12345678-1234-1234-1234-123456789012"
    app = synthesize(existing_key_arn=arn)
    assert not app["storage"].find_resources("AWS::KMS::Key")
    rules = [bucket["BucketEncryption"] for bucket in of_type(app["storage"], "AWS::S3::Bucket")]
    keys = [rule["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"] for rule in rules]
    assert [key.get("KMSMasterKeyID") for key in keys] == [None, arn]
    assert training_request(app["trained-model"])["OutputDataConfig"]["KmsKeyId"] == arn
    assert only(app["operations"], "AWS::SNS::Topic")["KmsMasterKeyId"] == arn
