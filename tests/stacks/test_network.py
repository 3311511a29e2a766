"""The private network: no way out but VPC endpoints with policies, nothing in, and functions and jobs run there."""

import json
from typing import Any

import pytest
from aws_cdk.assertions import Template

from tests.stacks.conftest import synthesize_to
from tests.stacks.resources import as_list, of_type, only, roles, statements, text, training_request

Templates = dict[str, Template]
BUCKET = "arn:${AWS::Partition}:s3:::slipway-dev-${AWS::AccountId}-${AWS::Region}"
THERE = {"vpc_id": "vpc-0a1b2c3d", "subnet_ids": "subnet-0a1b2c3d|subnet-4e5f6071"}


@pytest.fixture(scope="module")
def existing(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """In a VPC that is there, with several training instances."""
    return synthesize_to(tmp_path_factory.mktemp("cdk.out"), network="private", training_instance_count=4, **THERE)


def endpoints(templates: Templates) -> dict[str, dict[str, Any]]:
    """The VPC endpoints by the end of their service's name."""
    found = of_type(templates["network"], "AWS::EC2::VPCEndpoint")
    return {text(each["ServiceName"]).removeprefix("com.amazonaws.${AWS::Region}."): each for each in found}


def passes(endpoint: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The statements of an endpoint's policy by their Sid."""
    return {each["Sid"]: each for each in endpoint["PolicyDocument"]["Statement"]}


def test_two_zones_have_a_subnet_without_a_way_out(private: Templates) -> None:
    subnets = of_type(private["network"], "AWS::EC2::Subnet")
    zones = [subnet["AvailabilityZone"]["Fn::Select"][0] for subnet in subnets]
    assert zones == [0, 1] and not any(subnet["MapPublicIpOnLaunch"] for subnet in subnets)
    for kind in ("Route", "InternetGateway", "NatGateway", "VPCPeeringConnection"):
        private["network"].resource_count_is(f"AWS::EC2::{kind}", 0)


def test_there_are_endpoints_of_the_services_that_are_called_and_no_others(private: Templates) -> None:
    assert set(endpoints(private)) == {"s3", "sagemaker.api", "sagemaker.runtime"}
    for name in ("sagemaker.api", "sagemaker.runtime"):
        found = endpoints(private)[name]
        assert found["PrivateDnsEnabled"] is True and len(found["SubnetIds"]) == 2


def test_an_endpoint_lets_this_account_reach_what_is_the_system_s(private: Templates) -> None:
    for endpoint in endpoints(private).values():
        for sid, statement in passes(endpoint).items():
            if sid not in ("Answers", "Layers"):
                mine = {"StringEquals": {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}}}
                assert statement["Condition"] == mine
            assert not [action for action in as_list(statement["Action"]) if "*" in action]
    assert text(passes(endpoints(private)["s3"])["Bucket"]["Resource"]) == f"{BUCKET}/*"
    sagemaker = [
        text(one) for each in passes(endpoints(private)["sagemaker.api"]).values() for one in as_list(each["Resource"])
    ]
    assert all(":${AWS::AccountId}:" in one and "/slipway-dev-" in one for one in sagemaker)


def test_s3_lets_cloudformation_be_answered_and_layers_be_read_whoever_signed(private: Templates) -> None:
    """Sources: "Access CloudFormation using an interface endpoint", CloudFormation user guide (for custom resources the
    region has no hyphens); "Minimum Amazon S3 permissions for Amazon ECR", ECR user guide.
    """
    found = passes(endpoints(private)["s3"])
    written = json.dumps(found["Answers"]["Resource"])
    assert (
        'cloudformation-custom-resource-response-", {"Fn::Join": ["", {"Fn::Split": ["-", {"Ref": "AWS::Region"}]}]}'
        in written
    )
    assert (
        text(found["Answers"]["Resource"][1])
        == "arn:${AWS::Partition}:s3:::cloudformation-waitcondition-${AWS::Region}/*"
    )
    assert text(found["Layers"]["Resource"]) == "arn:${AWS::Partition}:s3:::prod-${AWS::Region}-starport-layer-bucket/*"
    assert (found["Answers"]["Action"], found["Layers"]["Action"]) == ("s3:PutObject", "s3:GetObject")


def test_security_groups_let_nothing_in_but_callers_to_the_endpoints(private: Templates) -> None:
    groups = private["network"].find_resources("AWS::EC2::SecurityGroup")
    opened = {id: group["Properties"].get("SecurityGroupIngress", []) for id, group in groups.items()}
    assert opened["Group"] == opened["Training"] == []
    callers = {rule["SourceSecurityGroupId"]["Fn::GetAtt"][0] for rule in opened["Endpoints"]}
    assert callers == {"Group", "Training"} and all(
        rule["FromPort"] == rule["ToPort"] == 443 for rule in opened["Endpoints"]
    )
    assert {rule["FromPort"] for group in groups.values() for rule in group["Properties"]["SecurityGroupEgress"]} == {
        443
    }


def test_functions_model_and_jobs_run_there(private: Templates) -> None:
    for stack in ("trained-model", "serving"):
        assert only(private[stack], "AWS::Lambda::Function")["VpcConfig"].keys() == {"SubnetIds", "SecurityGroupIds"}
    assert len(only(private["serving"], "AWS::SageMaker::Model")["VpcConfig"]["Subnets"]) == 2
    scoring = json.loads(text(private["serving"].to_json()["Outputs"]["ScoringJob"]["Value"]))
    for config in (training_request(private["trained-model"])["VpcConfig"], scoring["NetworkConfig"]["VpcConfig"]):
        assert len(config["Subnets"]) == 2 and len(config["SecurityGroupIds"]) == 1


def test_the_network_trains_no_new_model(private: Templates, templates: Templates) -> None:
    digests = {app["trained-model"].to_json()["Outputs"]["ModelDigest"]["Value"] for app in (private, templates)}
    assert len(digests) == 1


def test_images_by_url_are_off_there(private: Templates) -> None:
    variables = only(private["serving"], "AWS::Lambda::Function")["Environment"]["Variables"]
    assert variables["URL_HOSTS"] == ""


def test_a_vpc_that_is_there_gets_security_groups_alone(existing: Templates) -> None:
    kinds = {resource["Type"] for resource in existing["network"].to_json()["Resources"].values()}
    assert kinds == {f"AWS::EC2::SecurityGroup{rule}" for rule in ("", "Ingress", "Egress")}
    config = training_request(existing["trained-model"])["VpcConfig"]
    assert config["Subnets"] == ["subnet-0a1b2c3d", "subnet-4e5f6071"]


def test_several_instances_of_a_training_reach_each_other_and_nothing_else_reaches_them(existing: Templates) -> None:
    """ "Give SageMaker Training Jobs Access to Resources in Your Amazon VPC", SageMaker developer guide."""
    for direction, other in (("Ingress", "SourceSecurityGroupId"), ("Egress", "DestinationSecurityGroupId")):
        rule = only(existing["network"], f"AWS::EC2::SecurityGroup{direction}")
        assert rule["GroupId"] == rule[other] == {"Fn::GetAtt": ["Training", "GroupId"]}


def test_roles_may_make_interfaces_there_and_nowhere_else(private: Templates, templates: Templates) -> None:
    for name, role in roles(private).items():
        found = statements(role)
        assert found["MakeInterfaces"]["Resource"] == ["arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:*/*"]
        permission = "ec2:CreateNetworkInterfacePermission" in found["MakeInterfaces"]["Action"]
        assert permission == (name in ("training", "hosting", "scoring"))
    assert not any("MakeInterfaces" in statements(role) for role in roles(templates).values())
