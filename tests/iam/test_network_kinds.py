"""No change that opens the private network goes unnoticed."""

from typing import Any

import pytest

from iam.check import check_templates
from tests.iam import kinds
from tests.iam.conftest import Templates

NETWORK = kinds.S + "network"
GROUP, ENDPOINT, MODEL, FUNCTION = (
    "AWS::EC2::SecurityGroup", "AWS::EC2::VPCEndpoint", "AWS::SageMaker::Model", "AWS::Lambda::Function",
)  # fmt: skip
OPEN = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}
FROM_ANYWHERE = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0", "Description": "all"}
FROM_JOBS = {
    "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "Description": "x",
    "SourceSecurityGroupId": {"Fn::GetAtt": ["Training", "GroupId"]},
}  # fmt: skip
OTHER = {"SecurityGroupIds": ["sg-0a1b2c3d"], "SubnetIds": ["subnet-0a1b2c3d"]}
S3, SAGEMAKER = 0, 1  # the endpoints, in their order
ANSWERS = 3  # the statement of S3's for CloudFormation


def put(kind: str, path: str, new: Any, at: int = 0, stack: str = NETWORK) -> kinds.Change:
    return kinds.set_property(stack, kind, path, new, at)


def in_policy(endpoint: int, statement: int, path: str, new: Any) -> kinds.Change:
    def change(templates: Templates) -> None:
        policy = kinds.found(templates, NETWORK, ENDPOINT, endpoint)["Properties"]["PolicyDocument"]
        kinds.put(policy["Statement"][statement], path, new)

    return change


def of_group(id: str, property_: str, new: Any) -> kinds.Change:
    return lambda templates: templates[NETWORK]["Resources"][id]["Properties"].update({property_: new})


def training_outside(templates: Templates) -> None:
    """Take the training job out of the network."""
    properties = kinds.found(templates, kinds.TRAINED, "Custom::TrainedModel")["Properties"]
    kinds.replace_text(properties["Request"], "VpcConfig", "OtherConfig")


KINDS: dict[str, kinds.Change] = {
    "a subnet gives public addresses": put("AWS::EC2::Subnet", "MapPublicIpOnLaunch", True),
    "a security group lets anyone in": put(GROUP, "SecurityGroupIngress", [FROM_ANYWHERE]),
    "a security group lets more ports out": put(GROUP, "SecurityGroupEgress", [{**FROM_ANYWHERE, "ToPort": 8443}]),
    "instances of a training hear others": put(
        "AWS::EC2::SecurityGroupIngress", "SourceSecurityGroupId", {"Fn::GetAtt": ["Group", "GroupId"]}
    ),
    "there is a way to the internet": lambda templates: kinds.add(
        templates, stack=NETWORK, resource={"Type": "AWS::EC2::InternetGateway", "Properties": {}}
    ),
    "an endpoint of another service": put(ENDPOINT, "ServiceName", "com.amazonaws.us-east-1.sts", SAGEMAKER),
    "an endpoint without a policy": put(ENDPOINT, "PolicyDocument", None),
    "an endpoint lets everything pass": put(ENDPOINT, "PolicyDocument", OPEN),
    "an endpoint lets other accounts pass": in_policy(S3, 0, "Condition", None),
    "an endpoint lets another action pass": in_policy(SAGEMAKER, 0, "Action", "sagemaker:CreateModel"),
    "an endpoint leads to another bucket": in_policy(S3, 0, "Resource", "arn:aws:s3:::theirs/*"),
    "answers go to any bucket of such a name": in_policy(
        S3, ANSWERS, "Resource", "arn:aws:s3:::cloudformation-custom-resource-response-*/*"
    ),
    "the model leaves the network": put(MODEL, "VpcConfig", None, stack=kinds.SERVING),
    "the classify function leaves it": put(FUNCTION, "VpcConfig", None, stack=kinds.SERVING),
    "the other function goes to another": put(FUNCTION, "VpcConfig", OTHER, stack=kinds.TRAINED),
    "the training job leaves it": training_outside,
    "the scoring job leaves it": lambda templates: kinds.replace_text(
        templates[kinds.SERVING]["Outputs"], '\\"VpcConfig\\"', '\\"Other\\"'
    ),
    "functions hear jobs": of_group("Group", "SecurityGroupIngress", [FROM_JOBS]),
    "jobs hear functions": of_group("Training", "SecurityGroupIngress", [FROM_JOBS]),
    "the endpoints' group lets out": of_group("Endpoints", "SecurityGroupEgress", [FROM_ANYWHERE]),
    "an endpoint without the service's own name": put(ENDPOINT, "PrivateDnsEnabled", None, SAGEMAKER),
    "an endpoint in the default group": put(ENDPOINT, "SecurityGroupIds", None, SAGEMAKER),
    "no route leads to S3": put(ENDPOINT, "RouteTableIds", None, S3),
}


@pytest.mark.parametrize("what", KINDS)
def test_no_kind_survives(tuned: Templates, what: str) -> None:
    assert check_templates(kinds.changed(tuned, KINDS[what])) != []


def test_the_network_itself_has_no_finding(tuned: Templates) -> None:
    assert check_templates(tuned) == []
