"""The whole system in a company's own VPC: the deploy makes its security groups alone, and all traffic passes there."""

from itertools import chain

import boto3
import pytest

from local_aws.calls import read
from local_aws.home import DEFAULT_REGION, Home
from settings import read_settings
from settings.network import SERVICES
from tools.cdk import CdkFailed
from tools.deploy.preflight.network import private_network
from tools.deploy.preflight.scaling_roles import make_scaling_roles
from tools.deploy.preflight.target import Target
from tools.deploy.stacks import deploy_everything
from tools.preflight import NotReady, require_aws
from training.folder import Folder, digest

from .conftest import QUICK, System, image_of

pytestmark = [pytest.mark.e2e, pytest.mark.soak]


ADDRESSES = "10.1.0.0/16"


def made_network() -> dict[str, str]:
    """A VPC with two subnets without a way out and an endpoint for each service, as settings."""
    ec2 = boto3.client("ec2")
    vpc = ec2.create_vpc(CidrBlock=ADDRESSES)["Vpc"]["VpcId"]
    for attribute in ("EnableDnsSupport", "EnableDnsHostnames"):
        ec2.modify_vpc_attribute(VpcId=vpc, **{attribute: {"Value": True}})  # type: ignore[arg-type]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.1.{number}.0/24", AvailabilityZone=f"{DEFAULT_REGION}{zone}")
        for number, zone in enumerate("ab")
    ]
    ids = [subnet["Subnet"]["SubnetId"] for subnet in subnets]
    [main] = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    gateway, *interfaces = (f"com.amazonaws.{DEFAULT_REGION}.{service}" for service in SERVICES)
    ec2.create_vpc_endpoint(
        VpcId=vpc, ServiceName=gateway, VpcEndpointType="Gateway", RouteTableIds=[main["RouteTableId"]]
    )
    doors = ec2.create_security_group(VpcId=vpc, GroupName="doors", Description="HTTPS from the VPC")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=doors, IpProtocol="tcp", FromPort=443, ToPort=443, CidrIp=ADDRESSES)
    for service in interfaces:
        ec2.create_vpc_endpoint(
            VpcId=vpc, ServiceName=service, VpcEndpointType="Interface", SubnetIds=ids, SecurityGroupIds=[doors],
            PrivateDnsEnabled=True,
        )  # fmt: skip
    return {"network": "private", "vpc_id": vpc, "subnet_ids": "|".join(ids)}


@pytest.fixture(scope="module")
def system(aws: Home, digits: Folder) -> System:
    system = System(digits, {**QUICK, "dataset": digest(digits), **made_network()})
    target = Target(read_settings(system.settings), *require_aws(), system.synthesize)
    assert "leads to s3, sagemaker.api, sagemaker.runtime" in private_network(target)
    make_scaling_roles(target, say=print)
    deploy_everything(system.synthesize(), digits, layout="files", say=lambda _: None)
    return system


def test_it_trains_serves_and_classifies_there(system: System) -> None:
    assert system.classifier()(image_of(system.images, "3")).label in system.images.classes
    functions = boto3.client("lambda").list_functions()["Functions"]
    placed = [each["VpcConfig"]["SubnetIds"] for each in functions if each["FunctionName"].startswith("e2e-dev-")]
    assert {*chain.from_iterable(placed)} == {*system.settings["subnet_ids"].split("|")}


def test_no_role_is_denied_anything(system: System, aws: Home) -> None:
    assert [call for call in read(aws.calls) if call.role.startswith("e2e-dev-") and not call.allowed] == []


def test_without_one_of_its_endpoints_preflight_refuses_and_a_training_fails(system: System) -> None:
    ec2 = boto3.client("ec2")
    ours = [{"Name": "vpc-id", "Values": [system.settings["vpc_id"]]}]
    for endpoint in ec2.describe_vpc_endpoints(Filters=ours)["VpcEndpoints"]:
        if endpoint["ServiceName"].endswith(".sagemaker.api"):
            ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]])
    target = Target(read_settings(system.settings), *require_aws(), system.synthesize)
    with pytest.raises(NotReady, match=r"nothing leads to com\.amazonaws\.us-east-1\.sagemaker\.api"):
        private_network(target)
    with pytest.raises(CdkFailed):
        system.deploy("trained-model", epochs="2")


def test_from_one_vpc_to_another_it_goes_by_way_of_none(system: System) -> None:
    """ "Get exported outputs from a deployed CloudFormation stack", CloudFormation user guide, on outputs in use."""
    own = {"vpc_id": "", "subnet_ids": ""}
    live = system.endpoint()["EndpointConfigName"]
    with pytest.raises(CdkFailed, match="cannot be updated as it is in use by e2e-dev-trained-model"):
        system.deploy(**own)
    assert system.endpoint()["EndpointConfigName"] == live
    trained = len(system.jobs())
    system.deploy(network="none", **own)
    system.deploy(**own)
    assert len(system.jobs()) == trained
    assert system.classifier()(image_of(system.images, "3")).label in system.images.classes
