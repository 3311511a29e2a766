"""The private network: subnets without a way out, and the VPC endpoints through which jobs and functions reach AWS."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import Aws, Fn, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from aws.security_groups import HTTPS
from settings import Settings, names
from settings.network import SERVICES
from stacks.permissions.statements import arn, bucket_arn, training_jobs, tuning_jobs

_ADDRESSES, _OF_A_SUBNET = "10.0.0.0/19", ("10.0.0.0/20", "10.0.16.0/20")


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Subnets and security groups by id, for what runs in a VPC; they may be CDK tokens."""

    subnet_ids: Sequence[str]
    security_group_ids: Sequence[str]

    @property
    def vpc_config(self) -> dict[str, Any]:
        """Parameter VpcConfig of SageMaker's jobs."""
        return {"VpcConfig": {"SecurityGroupIds": list(self.security_group_ids), "Subnets": list(self.subnet_ids)}}

    def of_model(self) -> sagemaker.CfnModel.VpcConfigProperty:
        """Property VpcConfig of AWS::SageMaker::Model."""
        return sagemaker.CfnModel.VpcConfigProperty(
            subnets=list(self.subnet_ids), security_group_ids=list(self.security_group_ids)
        )

    def put(self, function: lambda_.Function) -> None:
        """Run a function there."""
        resource = function.node.default_child
        assert isinstance(resource, lambda_.CfnFunction)
        resource.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
            subnet_ids=list(self.subnet_ids), security_group_ids=list(self.security_group_ids)
        )


class PrivateNetwork(Stack):
    """`placement` for functions, endpoint and scoring jobs, `training` for training jobs.

    With the settings `vpc_id` and `subnet_ids` only the security groups are made: routes and VPC endpoints are the
    owner's, and `make preflight` looks for them.
    """

    def __init__(self, scope: Construct, id: str, *, settings: Settings, asset_bucket: str) -> None:
        super().__init__(scope, id)
        vpc = None if settings.vpc_id else self._vpc()
        vpc_id = vpc.ref if vpc else settings.vpc_id
        group = self._group("Group", vpc_id, "Functions, endpoint and scoring jobs: nothing in, HTTPS out")
        training = self._group("Training", vpc_id, "Training jobs: nothing in but from each other, HTTPS out")
        if settings.training_instance_count > 1:
            self._let_instances_talk(training)
        if vpc:
            subnets, routes = self._subnets(vpc)
            callers = [group.attr_group_id, training.attr_group_id]
            self._endpoints(settings, vpc, subnets, routes, callers, asset_bucket)
            subnet_ids = [subnet.ref for subnet in subnets]
        else:
            subnet_ids = settings.subnets
        self.placement = Placement(subnet_ids=subnet_ids, security_group_ids=[group.attr_group_id])
        self.training = Placement(subnet_ids=subnet_ids, security_group_ids=[training.attr_group_id])

    def _vpc(self) -> ec2.CfnVPC:
        # Both for the private names of the endpoints: "Access an AWS service using an interface VPC endpoint".
        return ec2.CfnVPC(self, "Vpc", cidr_block=_ADDRESSES, enable_dns_support=True, enable_dns_hostnames=True)

    def _subnets(self, vpc: ec2.CfnVPC) -> tuple[list[ec2.CfnSubnet], ec2.CfnRouteTable]:
        """Subnets in two zones and their route table, which leads nowhere but to the VPC and S3."""
        routes = ec2.CfnRouteTable(self, "Routes", vpc_id=vpc.ref)
        subnets = []
        for number, addresses in enumerate(_OF_A_SUBNET):
            subnet = ec2.CfnSubnet(
                self,
                f"Subnet{number}",
                vpc_id=vpc.ref,
                cidr_block=addresses,
                availability_zone=Fn.select(number, Fn.get_azs()),
                map_public_ip_on_launch=False,
            )
            ec2.CfnSubnetRouteTableAssociation(self, f"Joined{number}", route_table_id=routes.ref, subnet_id=subnet.ref)
            subnets.append(subnet)
        return subnets, routes

    def _group(self, id: str, vpc_id: str, description: str) -> ec2.CfnSecurityGroup:
        # Out to any address: S3's are a list of AWS's, whose id differs by region. Where it leads, the routes decide.
        out = ec2.CfnSecurityGroup.EgressProperty(
            ip_protocol="tcp", from_port=HTTPS, to_port=HTTPS, cidr_ip="0.0.0.0/0", description="VPC endpoints"
        )
        return ec2.CfnSecurityGroup(self, id, vpc_id=vpc_id, group_description=description, security_group_egress=[out])

    def _let_instances_talk(self, group: ec2.CfnSecurityGroup) -> None:
        """Instances of one training job reach each other.

        Source: "Give SageMaker Training Jobs Access to Resources in Your Amazon VPC", SageMaker developer guide.
        """
        own = group.attr_group_id
        ec2.CfnSecurityGroupIngress(
            self, "FromEachOther", group_id=own, source_security_group_id=own, ip_protocol="-1",
            description="instances of one training",
        )  # fmt: skip
        ec2.CfnSecurityGroupEgress(
            self, "ToEachOther", group_id=own, destination_security_group_id=own, ip_protocol="-1",
            description="instances of one training",
        )  # fmt: skip

    def _endpoints(
        self,
        settings: Settings,
        vpc: ec2.CfnVPC,
        subnets: list[ec2.CfnSubnet],
        routes: ec2.CfnRouteTable,
        callers: list[str],
        asset_bucket: str,
    ) -> None:
        s3, api, runtime = SERVICES
        ec2.CfnVPCEndpoint(
            self,
            "S3",
            vpc_id=vpc.ref,
            service_name=_service_name(s3),
            vpc_endpoint_type="Gateway",
            route_table_ids=[routes.ref],
            policy_document=iam.PolicyDocument(statements=_objects(settings, asset_bucket)),
        )
        doors = ec2.CfnSecurityGroup(
            self,
            "Endpoints",
            vpc_id=vpc.ref,
            group_description="VPC endpoints: HTTPS in from functions and jobs of this system",
            security_group_ingress=[
                ec2.CfnSecurityGroup.IngressProperty(
                    ip_protocol="tcp", from_port=HTTPS, to_port=HTTPS, source_security_group_id=caller,
                    description="functions and jobs",
                )
                for caller in callers
            ],
            # Without any rule AWS allows everything: "AWS::EC2::SecurityGroup", CloudFormation reference.
            security_group_egress=[
                ec2.CfnSecurityGroup.EgressProperty(ip_protocol="tcp", from_port=HTTPS, to_port=HTTPS,
                                                    cidr_ip="127.0.0.1/32", description="nothing")
            ],
        )  # fmt: skip
        for id, service, statements in (
            ("SageMaker", api, _jobs(settings)),
            ("SageMakerRuntime", runtime, _calls(settings)),
        ):
            ec2.CfnVPCEndpoint(
                self,
                id,
                vpc_id=vpc.ref,
                service_name=_service_name(service),
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=[subnet.ref for subnet in subnets],
                security_group_ids=[doors.attr_group_id],
                policy_document=iam.PolicyDocument(statements=statements),
            )


def _service_name(service: str) -> str:
    return f"com.amazonaws.{Aws.REGION}.{service}"


def _objects(settings: Settings, asset_bucket: str) -> list[iam.PolicyStatement]:
    """Requests that pass the endpoint of S3: for this system's bucket, the CDK's, and AWS's for answers and layers.

    Sources: "Setting up VPC endpoints for AWS CloudFormation", CloudFormation user guide, for the buckets to which
    custom resources and wait conditions are answered, by URLs that CloudFormation has signed; "Minimum Amazon S3
    permissions for Amazon ECR", ECR user guide, for the layers of images.
    """
    bucket = bucket_arn(names.bucket_name(settings.prefix, Aws.ACCOUNT_ID, Aws.REGION))
    code = bucket_arn(asset_bucket)
    answers = [
        f"cloudformation-custom-resource-response-{Fn.join('', Fn.split('-', Aws.REGION))}",
        f"cloudformation-waitcondition-{Aws.REGION}",
    ]
    return [
        _pass("Bucket", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], [f"{bucket}/*"]),
        _pass("Program", ["s3:GetObject"], [f"{code}/*"]),
        _pass("List", ["s3:ListBucket"], [bucket, code]),
        _pass("Answers", ["s3:PutObject"], [f"{bucket_arn(name)}/*" for name in answers], anyone=True),
        _pass("Layers", ["s3:GetObject"], [f"{bucket_arn(f'prod-{Aws.REGION}-starport-layer-bucket')}/*"], anyone=True),
    ]


def _jobs(settings: Settings) -> list[iam.PolicyStatement]:
    """Requests that pass the endpoint of SageMaker: about this system's jobs, and the state of its endpoint."""
    start, endpoints = names.job_prefix(settings.prefix), names.endpoint_name_pattern(settings.prefix)
    kinds = {"TrainingJob": training_jobs(start), "HyperParameterTuningJob": tuning_jobs(start)}
    verbs = ("Create", "Describe", "Stop")
    return [
        *(
            _pass(kind, [*(f"sagemaker:{v}{kind}" for v in verbs), "sagemaker:AddTags"], [jobs])
            for kind, jobs in kinds.items()
        ),
        _pass("Live", ["sagemaker:DescribeEndpoint"], [arn("sagemaker", f"endpoint/{endpoints}")]),
    ]


def _calls(settings: Settings) -> list[iam.PolicyStatement]:
    """Requests that pass the endpoint of SageMaker Runtime: calls of this system's endpoint."""
    endpoints = names.endpoint_name_pattern(settings.prefix)
    return [_pass("Invoke", ["sagemaker:InvokeEndpoint"], [arn("sagemaker", f"endpoint/{endpoints}")])]


def _pass(sid: str, actions: list[str], resources: list[str], *, anyone: bool = False) -> iam.PolicyStatement:
    """Let requests pass an endpoint: of this account's principals, or signed by anyone."""
    ours = {"StringEquals": {"aws:PrincipalAccount": Aws.ACCOUNT_ID}}
    return iam.PolicyStatement(
        sid=sid, principals=[iam.AnyPrincipal()], actions=actions, resources=resources,
        conditions=None if anyone else ours,
    )  # fmt: skip
