"""Functions and jobs in a VPC reach AWS only where a VPC endpoint leads, and what its policy lets pass.

Sources: "Access AWS services through AWS PrivateLink", "Gateway endpoints" and "Control access to VPC endpoints using
endpoint policies", AWS PrivateLink guide; "Setting up VPC endpoints for AWS CloudFormation", CloudFormation user guide;
"Give SageMaker Training Jobs Access to Resources in Your Amazon VPC", SageMaker developer guide.
"""

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws.home import ACCOUNT, DEFAULT_REGION
from tests.local_aws.conftest import Client, ended, make_role, runs, wait_for_stack
from tests.local_aws.functions.test_concurrency import zipped

# Lists buckets or log groups, and answers CloudFormation where that calls.
CODE = """
import boto3, json, urllib.request
def handler(event, context):
    if "ResponseURL" in event:
        answer = {"Status": "SUCCESS", "PhysicalResourceId": "made"}
        body = json.dumps({**answer, **{k: event[k] for k in ("StackId", "RequestId", "LogicalResourceId")}}).encode()
        urllib.request.urlopen(urllib.request.Request(event["ResponseURL"], data=body, method="PUT"))
        return "answered"
    try:
        boto3.client(event["service"]).__getattribute__(event["call"])()
        return "done"
    except Exception as error:
        return str(error)
"""
BUCKETS = {"service": "s3", "call": "list_buckets"}
GROUPS = {"service": "logs", "call": "describe_log_groups"}
HTTPS = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
_numbers = count()

Resources = dict[str, Any]


def resource(kind: str, **properties: Any) -> Resources:
    return {"Type": f"AWS::EC2::{kind}", "Properties": properties}


def network(**more: Resources) -> Resources:
    """A VPC with one subnet, a route table without a way out, and a security group."""
    vpc = {"Ref": "Vpc"}
    return {
        "Vpc": resource("VPC", CidrBlock="10.9.0.0/16"),
        "Subnet": resource("Subnet", VpcId=vpc, CidrBlock="10.9.1.0/24"),
        "Routes": resource("RouteTable", VpcId=vpc),
        "Joined": resource("SubnetRouteTableAssociation", RouteTableId={"Ref": "Routes"}, SubnetId={"Ref": "Subnet"}),
        "Group": resource("SecurityGroup", VpcId=vpc, GroupDescription="callers"),
        **more,
    }


def s3(**properties: Any) -> Resources:
    service = {"ServiceName": f"com.amazonaws.{DEFAULT_REGION}.s3", "VpcEndpointType": "Gateway"}
    return resource(
        "VPCEndpoint", VpcId={"Ref": "Vpc"}, **{"RouteTableIds": [{"Ref": "Routes"}], **service, **properties}
    )


def policy(action: str, resource: str) -> Resources:
    return {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": action, "Resource": resource}]}


class Network:
    """Stacks of networks, and a function that is put into them."""

    def __init__(self, client: Client, role: str) -> None:
        self._client, self._role = client, role

    def make(self, resources: Resources) -> dict[str, str]:
        """Physical ids of a new stack's resources."""
        name = f"network-{next(_numbers)}"
        formation = self._client("cloudformation")
        formation.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
        assert wait_for_stack(self._client, name) == "CREATE_COMPLETE"
        made = formation.describe_stack_resources(StackName=name)["StackResources"]
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in made}

    def function(self, ids: dict[str, str]) -> str:
        """ARN of a new function in a network."""
        config = {"SubnetIds": [ids["Subnet"]], "SecurityGroupIds": [ids["Group"]]} if ids else {}
        made = self._client("lambda").create_function(
            FunctionName=f"caller-{next(_numbers)}", Runtime="python3.12", Role=self._role, Handler="f.handler",
            Code={"ZipFile": zipped(CODE)}, Timeout=60, VpcConfig=config,
        )  # fmt: skip
        return str(made["FunctionArn"])

    def of_template(self, config: Resources) -> Resources:
        """A function for a template, with this property VpcConfig."""
        properties = {"Runtime": "python3.12", "Role": self._role, "Handler": "index.handler", "Timeout": 60}
        return {
            "Type": "AWS::Lambda::Function",
            "Properties": {**properties, "Code": {"ZipFile": CODE}, "VpcConfig": config},
        }

    def says(self, resources: Resources, event: dict[str, str]) -> str:
        """Answer of a new function to `event`: in a network of `resources`, or outside of any without resources."""
        return self.call(self.function(self.make(resources) if resources else {}), event)

    def call(self, function: str, event: dict[str, str]) -> str:
        answer = self._client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
        return str(json.loads(answer["Payload"].read()))


@pytest.fixture(scope="module")
def net(client: Client) -> Network:
    may = {"Action": ["s3:ListAllMyBuckets", "logs:DescribeLogGroups"], "Resource": "*"}
    return Network(client, make_role(client, "in-a-vpc", "lambda.amazonaws.com", may))


def test_outside_of_a_vpc_nothing_is_asked(net: Network) -> None:
    assert net.says({}, BUCKETS) == "done"


def test_without_an_endpoint_of_the_service_a_call_has_no_way(net: Network) -> None:
    assert f"has no VPC endpoint com.amazonaws.{DEFAULT_REGION}.logs" in net.says(network(S3=s3()), GROUPS)
    assert net.says(network(S3=s3()), BUCKETS) == "done"


def test_a_function_of_a_template_is_in_the_vpc_of_its_property(net: Network) -> None:
    config = {"SubnetIds": [{"Ref": "Subnet"}], "SecurityGroupIds": [{"Fn::GetAtt": ["Group", "GroupId"]}]}
    ids = net.make(network(Function=net.of_template(config)))
    assert f"has no VPC endpoint com.amazonaws.{DEFAULT_REGION}.s3" in net.call(ids["Function"], BUCKETS)


def test_a_gateway_endpoint_leads_from_the_route_tables_that_it_has(net: Network) -> None:
    other = resource("RouteTable", VpcId={"Ref": "Vpc"})
    elsewhere = network(Other=other, S3=s3(RouteTableIds=[{"Ref": "Other"}]))
    assert "has no VPC endpoint" in net.says(elsewhere, BUCKETS)


def test_an_endpoint_s_policy_has_to_let_the_call_pass(net: Network) -> None:
    said = net.says(network(S3=s3(PolicyDocument=policy("s3:GetObject", "*"))), BUCKETS)
    assert "because no VPC endpoint policy allows the s3:ListAllMyBuckets action" in said
    assert net.says(network(S3=s3(PolicyDocument=policy("s3:ListAllMyBuckets", "*"))), BUCKETS) == "done"


def test_an_interface_endpoint_needs_private_names_and_lets_in_the_caller(net: Network) -> None:
    def logs(rule: dict[str, Any], *, private: bool = True) -> Resources:
        doors = resource("SecurityGroup", VpcId={"Ref": "Vpc"}, GroupDescription="doors", SecurityGroupIngress=[rule])
        endpoint = resource(
            "VPCEndpoint", VpcId={"Ref": "Vpc"}, ServiceName=f"com.amazonaws.{DEFAULT_REGION}.logs",
            VpcEndpointType="Interface", PrivateDnsEnabled=private, SubnetIds=[{"Ref": "Subnet"}],
            SecurityGroupIds=[{"Fn::GetAtt": ["Doors", "GroupId"]}],
        )  # fmt: skip
        return network(Doors=doors, Logs=endpoint)

    callers = {**HTTPS, "SourceSecurityGroupId": {"Fn::GetAtt": ["Group", "GroupId"]}}
    assert net.says(logs(callers), GROUPS) == "done"
    assert net.says(logs({**HTTPS, "CidrIp": "10.9.0.0/16"}), GROUPS) == "done"
    assert "has no VPC endpoint" in net.says(logs(callers, private=False), GROUPS)
    assert "has no VPC endpoint" in net.says(logs({**HTTPS, "CidrIp": "10.8.0.0/16"}), GROUPS)
    assert "has no VPC endpoint" in net.says(logs({**callers, "FromPort": 80, "ToPort": 80}), GROUPS)


def test_a_nat_gateway_is_a_way_too(net: Network) -> None:
    out = resource(
        "Route", RouteTableId={"Ref": "Routes"}, DestinationCidrBlock="0.0.0.0/0", NatGatewayId="nat-0123456789abcdef0"
    )
    assert net.says(network(Out=out), GROUPS) == "done"


@pytest.mark.parametrize(
    ("bucket", "status"),
    [
        (f"cloudformation-custom-resource-response-{DEFAULT_REGION.replace('-', '')}", "CREATE_COMPLETE"),
        ("mine", "ROLLBACK_COMPLETE"),
    ],
)
def test_a_custom_resource_in_a_vpc_answers_by_the_endpoint_of_s3(
    client: Client, net: Network, bucket: str, status: str
) -> None:
    lets = policy("s3:PutObject", f"arn:aws:s3:::{bucket}/*")
    function = net.function(net.make(network(S3=s3(PolicyDocument=lets))))
    custom = {"Type": "Custom::Answer", "Properties": {"ServiceToken": function, "ServiceTimeout": 5}}
    name = f"answers-{bucket}"
    client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps({"Resources": {"Custom": custom}}))
    assert wait_for_stack(client, name) == status


@pytest.fixture
def job(client: Client, training_role: str, bucket: str, data: str) -> Iterator[Any]:
    """Start a training job in a network, and return its description when it has ended."""

    def run(ids: dict[str, str]) -> dict[str, Any]:
        name = f"private-{next(_numbers)}"
        source = {"S3DataType": "S3Prefix", "S3Uri": data, "S3DataDistributionType": "FullyReplicated"}
        client("sagemaker").create_training_job(
            TrainingJobName=name,
            RoleArn=training_role,
            AlgorithmSpecification={"TrainingImage": "i", "TrainingInputMode": "File", **runs("print('trained')")},
            InputDataConfig=[{"ChannelName": "images", "DataSource": {"S3DataSource": source}}],
            OutputDataConfig={"S3OutputPath": f"s3://{bucket}/jobs"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
            EnableNetworkIsolation=True,
            VpcConfig={"Subnets": [ids["Subnet"]], "SecurityGroupIds": [ids["Group"]]},
        )
        return ended(client, name)

    yield run


def test_a_job_in_a_vpc_reads_and_writes_by_the_endpoint_of_s3(net: Network, job: Any) -> None:
    assert job(net.make(network(S3=s3())))["TrainingJobStatus"] == "Completed"
    refused = job(net.make(network()))
    assert refused["TrainingJobStatus"] == "Failed"
    assert f"has no VPC endpoint com.amazonaws.{DEFAULT_REGION}.s3" in refused["FailureReason"]


def test_a_bucket_can_ask_for_the_endpoint(client: Client, net: Network, job: Any, bucket: str) -> None:
    """ "Controlling access from VPC endpoints with bucket policies", S3 user guide: aws:SourceVpce."""
    ids = net.make(network(S3=s3()))
    deny = {
        "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/jobs/*",
        "Condition": {"StringNotEquals": {"aws:SourceVpce": ids["S3"]}},
    }  # fmt: skip
    client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    try:
        assert job(ids)["TrainingJobStatus"] == "Completed"
        with pytest.raises(ClientError, match="AccessDenied"):
            client("s3").put_object(Bucket=bucket, Key="jobs/from-outside", Body=b"")
    finally:
        client("s3").delete_bucket_policy(Bucket=bucket)


def test_an_endpoint_that_is_made_by_the_api_is_held_to_its_policy_too(client: Client, net: Network) -> None:
    ids, api = net.make(network()), client("ec2")
    with pytest.raises(ClientError, match=r"InvalidVpcId\.NotFound"):
        api.create_vpc_endpoint(VpcId="vpc-0a1b2c3d", ServiceName=f"com.amazonaws.{DEFAULT_REGION}.s3")
    made = api.create_vpc_endpoint(
        VpcId=ids["Vpc"], ServiceName=f"com.amazonaws.{DEFAULT_REGION}.s3", VpcEndpointType="Gateway",
        RouteTableIds=[ids["Routes"]], PolicyDocument=json.dumps(policy("s3:GetObject", "*")),
    )["VpcEndpoint"]  # fmt: skip
    assert json.loads(made["PolicyDocument"]) == policy("s3:GetObject", "*")
    answer = client("lambda").invoke(FunctionName=net.function(ids), Payload=json.dumps(BUCKETS).encode())
    assert b"no VPC endpoint policy allows the s3:ListAllMyBuckets action" in answer["Payload"].read()


def test_from_a_subnet_that_is_not_there_nothing_leads_anywhere(client: Client, net: Network) -> None:
    function = net.function({**net.make(network()), "Subnet": "subnet-0a1b2c3d"})
    answer = client("lambda").invoke(FunctionName=function, Payload=json.dumps(BUCKETS).encode())
    assert b"a subnet that is not there has no VPC endpoint" in answer["Payload"].read()


def test_no_security_group_is_made_in_a_vpc_that_is_not_there(client: Client) -> None:
    """InvalidVpcID.NotFound: "Error codes for the Amazon EC2 API"."""
    group = resource("SecurityGroup", VpcId="vpc-0a1b2c3d", GroupDescription="nowhere")
    client("cloudformation").create_stack(StackName="nowhere", TemplateBody=json.dumps({"Resources": {"Group": group}}))
    assert wait_for_stack(client, "nowhere") == "ROLLBACK_COMPLETE"
    events = client("cloudformation").describe_stack_events(StackName="nowhere")["StackEvents"]
    assert any("'vpc-0a1b2c3d' does not exist" in event.get("ResourceStatusReason", "") for event in events)


def test_a_rule_of_its_own_opens_a_security_group(client: Client, net: Network) -> None:
    own = {"Fn::GetAtt": ["Group", "GroupId"]}
    rule = resource("SecurityGroupIngress", GroupId=own, SourceSecurityGroupId=own, IpProtocol="-1")
    ids = net.make(network(Own=rule))
    [group] = client("ec2").describe_security_groups(GroupIds=[ids["Group"]])["SecurityGroups"]
    assert [pair["GroupId"] for pair in group["IpPermissions"][0]["UserIdGroupPairs"]] == [ids["Group"]]
    assert ACCOUNT in group["OwnerId"]
