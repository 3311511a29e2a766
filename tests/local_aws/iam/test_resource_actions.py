"""The table of IAM actions has every deployed resource type and resolves its ARNs."""

import re
from collections.abc import Mapping

import pytest
from aws_cdk.assertions import Template

from local_aws.iam.resource_actions import RESOURCE_ACTIONS, UnknownType, actions_of
from tests.stacks import conftest as stacks
from tools.cdk import ROOT

gpu_fleet = stacks.gpu_fleet  # a fixture

PLACE = {"region": "eu-west-1", "account": "111122223333"}
BOOTSTRAP = ROOT / "node_modules" / "aws-cdk" / "lib" / "api" / "bootstrap" / "bootstrap-template.yaml"


def test_it_has_every_type_of_this_app(templates: dict[str, Template], gpu_fleet: dict[str, Template]) -> None:
    for template in [*templates.values(), *gpu_fleet.values()]:
        for resource in template.to_json()["Resources"].values():
            actions_of(resource["Type"])


def test_it_has_every_type_of_the_bootstrap_stack() -> None:
    types = set(re.findall(r"^    Type: '?(AWS::[\w:]+)", BOOTSTRAP.read_text(), re.MULTILINE))

    assert len(types) > 5
    assert types <= set(RESOURCE_ACTIONS)


def test_another_type_is_refused_by_name() -> None:
    with pytest.raises(UnknownType, match="AWS::SQS::Queue"):
        actions_of("AWS::SQS::Queue")


@pytest.mark.parametrize(
    ("type_", "physical_id", "properties", "expected"),
    [
        ("AWS::S3::Bucket", None, {"BucketName": "b"}, "arn:aws:s3:::b"),
        ("AWS::KMS::Key", None, {}, "arn:aws:kms:eu-west-1:111122223333:key/*"),
        ("AWS::KMS::Key", "12", {}, "arn:aws:kms:eu-west-1:111122223333:key/12"),
        ("AWS::SageMaker::Model", "arn:aws:sagemaker:x:y:model/m", {}, "arn:aws:sagemaker:x:y:model/m"),
        ("AWS::ApiGatewayV2::Api", "a1", {}, "arn:aws:apigateway:eu-west-1::/apis/a1"),
        ("AWS::ApiGatewayV2::Route", None, {"ApiId": "a1"}, "arn:aws:apigateway:eu-west-1::/apis/a1/routes"),
        ("AWS::SSM::Parameter", None, {"Name": "/a/b"}, "arn:aws:ssm:eu-west-1:111122223333:parameter/a/b"),
        (
            "AWS::ApplicationAutoScaling::ScalingPolicy",
            "arn:aws:autoscaling:x:y:scalingPolicy:z",
            {},
            "arn:aws:application-autoscaling:eu-west-1:111122223333:scalable-target/*",
        ),
        ("Custom::Anything", None, {"ServiceToken": "arn:aws:lambda:x:y:function:f"}, "arn:aws:lambda:x:y:function:f"),
    ],
)
def test_the_resource_is_named_as_iam_names_it(
    type_: str, physical_id: str | None, properties: dict[str, str], expected: str
) -> None:
    assert actions_of(type_).resources(physical_id, properties, PLACE) == [expected]


def test_a_policy_is_put_into_each_of_its_roles() -> None:
    found = actions_of("AWS::IAM::Policy").resources(None, {"Roles": ["a", "b"]}, PLACE)

    assert found == ["arn:aws:iam::111122223333:role/a", "arn:aws:iam::111122223333:role/b"]


def needed(type_: str, operation: str, properties: Mapping[str, object]) -> list[tuple[str, str]]:
    return list(actions_of(type_).needed(operation, None, properties, PLACE))


def test_properties_take_actions_of_their_own() -> None:
    create, encrypt, tag, delete = (
        (f"s3:{verb}", "arn:aws:s3:::b")
        for verb in ("CreateBucket", "PutEncryptionConfiguration", "PutBucketTagging", "DeleteBucket")
    )
    bucket = {"BucketName": "b"}

    assert needed("AWS::S3::Bucket", "create", {**bucket, "BucketEncryption": {}}) == [create, encrypt]
    assert needed("AWS::S3::Bucket", "create", {**bucket, "Tags": [{"Key": "app"}]}) == [create, tag]
    own = {**bucket, "Tags": [{"Key": "aws:cloudformation:stack-id"}]}
    assert needed("AWS::S3::Bucket", "create", own) == [create]
    assert needed("AWS::S3::Bucket", "delete", {**bucket, "BucketEncryption": {}}) == [delete]


def test_provisioned_concurrency_is_asked_for_on_the_alias_and_not_on_its_function() -> None:
    """ "Actions, resources, and condition keys for AWS Lambda", service authorization reference."""
    alias = {"FunctionName": "f", "Name": "live", "ProvisionedConcurrencyConfig": {}}
    function = "arn:aws:lambda:eu-west-1:111122223333:function:f"

    assert needed("AWS::Lambda::Alias", "create", alias) == [
        ("lambda:CreateAlias", function),
        ("lambda:PutProvisionedConcurrencyConfig", f"{function}:live"),
    ]


def test_a_log_group_is_asked_for_without_a_stream_and_its_tags_on_the_group_alone() -> None:
    """ "Overview of managing access permissions to your CloudWatch Logs resources", CloudWatch Logs user guide."""
    properties = {"LogGroupName": "/g", "RetentionInDays": 7, "Tags": [{"Key": "app"}]}
    group = "arn:aws:logs:eu-west-1:111122223333:log-group:/g"

    assert needed("AWS::Logs::LogGroup", "create", properties) == [
        ("logs:CreateLogGroup", f"{group}:log-stream:"),
        ("logs:PutRetentionPolicy", f"{group}:log-stream:"),
        ("logs:TagResource", group),
    ]
    assert needed("AWS::Logs::LogGroup", "delete", properties) == [("logs:DeleteLogGroup", f"{group}:log-stream:")]


def test_a_composite_alarm_is_put_on_everything_and_deleted_by_its_name() -> None:
    """ "scoped to *": PutCompositeAlarm, CloudWatch API reference."""
    alarm = {"AlarmName": "a"}

    assert needed("AWS::CloudWatch::CompositeAlarm", "create", alarm) == []
    table = actions_of("AWS::CloudWatch::CompositeAlarm")
    assert list(table.used("create", alarm)) == [("cloudwatch:PutCompositeAlarm", "*")]
    assert list(table.used("update", alarm)) == [("cloudwatch:PutCompositeAlarm", "*")]
    assert needed("AWS::CloudWatch::CompositeAlarm", "delete", alarm) == [
        ("cloudwatch:DeleteAlarms", "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:a")
    ]


@pytest.mark.parametrize("operation", ["create", "update", "delete"])
def test_a_stage_s_log_is_delivered_with_permissions_on_everything(operation: str) -> None:
    """ "Configure logging for HTTP APIs", API Gateway developer guide."""
    table = actions_of("AWS::ApiGatewayV2::Stage")
    used = dict(table.used(operation, {"ApiId": "a1", "AccessLogSettings": {"DestinationArn": "arn"}}))

    assert set(used.values()) == {"*"}
    deliveries = {action for action in used if re.search("(Create|Update|Delete)LogDelivery", action)}
    assert deliveries == {f"logs:{operation.capitalize()}LogDelivery"}
    assert ("logs:PutResourcePolicy" in used) == (operation != "delete")
    assert not list(table.used(operation, {"ApiId": "a1"}))


def test_roles_are_found_in_lists_too() -> None:
    rule = {"Targets": [{"Arn": "a"}, {"Arn": "b", "RoleArn": "r"}]}

    assert list(actions_of("AWS::Events::Rule").roles(rule)) == [("r", "events.amazonaws.com")]


def test_code_is_read_from_where_it_is() -> None:
    function = actions_of("AWS::Lambda::Function")

    in_bucket = {"Code": {"S3Bucket": "b", "S3Key": "k"}}
    assert list(function.used("create", in_bucket)) == [("s3:GetObject", "arn:aws:s3:::b/k")]
    assert not list(function.used("create", {"Code": {"ZipFile": "pass"}}))
    assert not list(function.used("delete", in_bucket))


@pytest.mark.parametrize("operation", ["create", "update", "delete"])
def test_an_alias_is_made_changed_and_deleted_with_a_permission_on_its_key_too(operation: str) -> None:
    """ "Controlling access to aliases", AWS KMS developer guide."""
    alias = {"AliasName": "alias/a", "TargetKeyId": "k"}
    action = f"kms:{operation.capitalize()}Alias"

    assert needed("AWS::KMS::Alias", operation, alias) == [(action, "arn:aws:kms:eu-west-1:111122223333:alias/a")]
    assert list(actions_of("AWS::KMS::Alias").used(operation, alias)) == [(action, "k")]
