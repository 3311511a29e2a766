"""Permissions of CloudFormation's role: what the schemas and local AWS ask for, on what the templates name."""

import re
from pathlib import Path

import pytest

from iam.template import load
from local_aws.iam.resource_actions import RESOURCE_ACTIONS
from tests.iam.conftest import synthesize
from tests.tools.deployer_policy.conftest import PLACE
from tools.deployer_policy.derive import resources
from tools.deployer_policy.narrowing import PARTS
from tools.deployer_policy.needs import LOCAL, SCHEMA, Need, ResourceNeeds, together
from tools.deployer_policy.schemas import permissions

HERE = "eu-west-1:111122223333"


def on(needs: list[Need], action: str) -> dict[str, Need]:
    return {need.resource: need for need in needs if need.action == action}


def test_a_schema_has_the_permissions_of_a_type_and_a_custom_resource_has_none() -> None:
    assert {"sagemaker:CreateModel", "sagemaker:DescribeModel", "sagemaker:DeleteModel"} <= permissions(
        "AWS::SageMaker::Model", "eu-west-1"
    )
    assert permissions("AWS::SageMaker::Model", "xx-nowhere-1") == permissions("AWS::SageMaker::Model", "us-east-1")
    assert permissions("Custom::TrainedModel", "eu-west-1") == frozenset()


def test_an_action_is_on_what_the_template_names(needs: list[Need]) -> None:
    functions = {f"arn:aws:lambda:{HERE}:function:slipway-dev-{name}" for name in ("classify", "trained-model")}
    assert on(needs, "lambda:CreateFunction").keys() == functions
    bucket = "arn:aws:s3:::slipway-dev-111122223333-eu-west-1"
    assert on(needs, "s3:PutBucketPolicy").keys() == {bucket, f"{bucket}-logs"}
    assert on(needs, "sagemaker:CreateModel").keys() == {f"arn:aws:sagemaker:{HERE}:model/*"}  # CloudFormation names it


@pytest.mark.parametrize("action", ["logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:TagResource"])
def test_a_log_group_is_named_in_both_forms_of_its_arn(needs: list[Need], action: str) -> None:
    """With `:*` for all actions but those of tags: "Overview of managing access permissions to your CloudWatch Logs
    resources", CloudWatch Logs user guide. AWS asks for logs:CreateLogGroup on `GROUP:log-stream:`."""
    group = f"arn:aws:logs:{HERE}:log-group:/aws/lambda/slipway-dev-classify"
    assert {group, f"{group}:*"} <= on(needs, action).keys()


def test_an_endpoint_may_have_any_instance_type_which_its_name_follows(needs: list[Need]) -> None:
    assert on(needs, "sagemaker:DeleteEndpoint").keys() == {f"arn:aws:sagemaker:{HERE}:endpoint/slipway-dev-????"}


def test_the_zones_of_a_region_are_asked_for() -> None:
    """AWS: "Fn::GetAZs", CloudFormation template reference; a stack that failed without: metadist/synaplan, PR 1547."""
    zone = {"Fn::Select": [0, {"Fn::GetAZs": ""}]}
    subnet = {"Type": "AWS::EC2::Subnet", "Properties": {"AvailabilityZone": zone}}
    needs = together(resources({"network": {"Resources": {"Subnet": subnet}}}, PLACE))
    for action in ("ec2:DescribeAccountAttributes", "ec2:DescribeAvailabilityZones", "ec2:DescribeSubnets"):
        assert on(needs, action).keys() == {"*"}
    assert LOCAL in on(needs, "ec2:DescribeAvailabilityZones")["*"].asked_by


def test_composite_alarms_are_put_and_read_on_everything(needs: list[Need]) -> None:
    """ "You can't create a composite alarms if your cloudwatch:PutCompositeAlarm permission has a narrower scope":
    PutCompositeAlarm, CloudWatch API reference; DescribeAlarms says the same."""
    put = on(needs, "cloudwatch:PutCompositeAlarm")
    assert put.keys() == {"*"}
    assert put["*"].asked_by == {SCHEMA, LOCAL}
    read = on(needs, "cloudwatch:DescribeAlarms")
    assert "AWS::CloudWatch::CompositeAlarm" in read["*"].types
    assert "AWS::CloudWatch::Alarm" not in read["*"].types


def test_a_target_is_registered_with_what_application_auto_scaling_asks_for(needs: list[Need]) -> None:
    """It calls PutMetricAlarm and DeleteAlarms without a name, and reads an endpoint configuration of an invented one:
    "Permissions validation for Application Auto Scaling API calls on target resources", its user guide; "Auto scaling
    prerequisites", SageMaker developer guide; aws-controllers-k8s/community, issue 2110."""
    asked = {
        "cloudwatch:PutMetricAlarm": "*",
        "cloudwatch:DescribeAlarms": "*",
        "cloudwatch:DeleteAlarms": "*",
        "sagemaker:DescribeEndpoint": f"arn:aws:sagemaker:{HERE}:endpoint/*",
        "sagemaker:DescribeEndpointConfig": f"arn:aws:sagemaker:{HERE}:endpoint-config/*",
        "sagemaker:UpdateEndpointWeightsAndCapacities": f"arn:aws:sagemaker:{HERE}:endpoint/*",
    }
    for action, resource in asked.items():
        need = on(needs, action)[resource]
        assert "AWS::ApplicationAutoScaling::ScalableTarget" in need.types
        assert LOCAL in need.asked_by


@pytest.mark.parametrize("verb", ["Create", "Update", "Delete"])
def test_a_key_s_alias_is_made_changed_and_deleted_on_the_key_too(needs: list[Need], verb: str) -> None:
    """ "Controlling access to aliases", AWS KMS developer guide: on the alias, and on the key."""
    kms = f"arn:aws:kms:{HERE}"
    assert on(needs, f"kms:{verb}Alias").keys() == {f"{kms}:alias/slipway-dev", f"{kms}:key/*"}


@pytest.mark.parametrize(
    "action",
    [
        *("CreateLogDelivery", "UpdateLogDelivery", "DeleteLogDelivery", "GetLogDelivery", "ListLogDeliveries"),
        *("PutResourcePolicy", "DescribeResourcePolicies", "DescribeLogGroups"),
    ],
)
def test_an_api_s_log_is_delivered_with_what_aws_names(needs: list[Need], action: str) -> None:
    """ "Configure logging for HTTP APIs", API Gateway developer guide."""
    need = on(needs, f"logs:{action}")["*"]
    assert "AWS::ApiGatewayV2::Stage" in need.types
    assert LOCAL in need.asked_by


def test_each_role_is_passed_to_its_one_service(needs: list[Need]) -> None:
    passed = {resource.rpartition("/")[2]: need.condition for resource, need in on(needs, "iam:PassRole").items()}
    services = {name: condition[2] for name, condition in passed.items() if condition}
    assert services.keys() == passed.keys()
    own = {name.removesuffix("-eu-west-1"): service for name, service in services.items() if "slipway" in name}
    assert own == {
        "slipway-dev-classify": "lambda.amazonaws.com",
        "slipway-dev-trained-model": "lambda.amazonaws.com",
        "slipway-dev-hosting": "sagemaker.amazonaws.com",
        "slipway-dev-notebook": "sagemaker.amazonaws.com",
        "slipway-dev-ec2-training": "ec2.amazonaws.com",
    }
    assert {name for name in services if "slipway" not in name} == {
        "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint",
        "AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency",
    }


def test_everything_is_granted_where_aws_has_no_resource_alone(needs: list[Need]) -> None:
    """Service Authorization Reference, the page of each service; alarms have one, but are asked about without it."""
    everywhere = {need.action for need in needs if need.resource == "*"}
    assert all(re.match(r".*:(Describe|List|Get)", action) for action in everywhere - {
        "cloudwatch:DeleteAlarms", "cloudwatch:PutCompositeAlarm", "cloudwatch:PutMetricAlarm", "kms:CreateKey",
        "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
        "sns:SetSubscriptionAttributes", "sns:Unsubscribe",
    })  # fmt: skip
    assert not [need for need in needs if "*" in need.action]


def test_it_administers_no_iam_but_the_app_s_own_roles(needs: list[Need]) -> None:
    for need in needs:
        if need.action.startswith("iam:"):
            assert re.search(r":(role|instance-profile)/(slipway-dev-|aws-service-role/)", need.resource), need
    assert not {"iam:AttachRolePolicy", "iam:CreatePolicy", "iam:CreateUser"} & {need.action for need in needs}


def test_what_local_aws_asks_for_is_all_there(found: list[ResourceNeeds], needs: list[Need]) -> None:
    local = [need for need in needs if LOCAL in need.asked_by]
    for each in found:
        for action in getattr(RESOURCE_ACTIONS.get(each.type), "create", ()):
            assert any(need.action == action and each.type in need.types for need in local), action


def test_each_line_says_who_asks_for_it(needs: list[Need]) -> None:
    both = frozenset({SCHEMA, LOCAL})
    assert {need.asked_by for need in needs} == {both, frozenset({SCHEMA}), frozenset({LOCAL})}
    assert {need.asked_by for need in on(needs, "lambda:CreateFunction").values()} == {both}
    assert {need.asked_by for need in on(needs, "lambda:GetFunction").values()} == {frozenset({SCHEMA})}
    endpoint = next(need for need in needs if need.action == "kms:CreateGrant")
    assert "AWS::SageMaker::Endpoint" in endpoint.types


def test_a_part_that_no_resource_has_needs_nothing(needs: list[Need], tmp_path: Path) -> None:
    actions = {need.action for need in needs}
    unused = {
        "s3:PutBucketWebsite", "s3:PutReplicationConfiguration", "s3tables:CreateTable", "lambda:PassCapacityProvider",
        "codedeploy:CreateDeployment", "iam:PutRolePermissionsBoundary",
    }  # fmt: skip
    assert not unused & actions
    without = {need.action for need in together(resources(load(synthesize(tmp_path)), PLACE))}
    assert not {"ec2:RunInstances", "sagemaker:CreateNotebookInstance", "apigateway:POST"} & without


@pytest.mark.parametrize("type_", sorted(RESOURCE_ACTIONS))
def test_a_schema_s_permission_of_another_service_is_decided_about(type_: str) -> None:
    """One that a newer schema brings would else be left out in silence, and a deploy could fail on AWS."""
    own = {type_.split("::")[1].lower(), "application-autoscaling", "sagemaker"}
    own |= {"apigateway"} if "ApiGateway" in type_ else set()
    decided = re.compile("|".join([*PARTS.get(type_, {}).values(), *OTHERS.get(type_, ()), "^$"]))
    undecided = [
        action
        for action in permissions(type_, "us-east-1")
        if action.partition(":")[0] not in own and not decided.search(action)
    ]
    assert undecided == []


# Those that derive.py has a rule for, or that are about a resource of another type, which has its own.
OTHERS = {
    "AWS::ApiGatewayV2::Authorizer": ("iam:PassRole",),
    "AWS::ApiGatewayV2::Integration": ("iam:PassRole",),
    "AWS::ApplicationAutoScaling::ScalableTarget": ("iam:", "cloudwatch:", "lambda:"),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ("cloudwatch:",),
    "AWS::Budgets::Budget": ("billing:",),
    "AWS::EC2::Instance": ("iam:PassRole",),
    "AWS::IAM::InstanceProfile": ("iam:PassRole",),
    "AWS::Lambda::Function": ("iam:PassRole", "s3:GetObject"),
    "AWS::SageMaker::EndpointConfig": ("iam:PassRole",),
    "AWS::SageMaker::Model": ("iam:PassRole",),
    "AWS::SageMaker::NotebookInstance": ("iam:PassRole",),
}
