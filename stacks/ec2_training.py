"""One small EC2 instance that trains, stores the model, and terminates itself.

The instance runs ec2/user_data.sh. The stack waits for its signal: success once the artifact is in S3, else failure
with the end of the log as the reason. The instance accepts no connection. Session Manager works through its own
outbound one.
"""

import hashlib
import json
import shlex
from pathlib import Path
from typing import Any

from aws_cdk import Aws, CfnOutput, Fn, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm
from aws_cdk.aws_cloudformation import CfnWaitCondition, CfnWaitConditionHandle
from constructs import Construct

from aws.prices import HOURS, instance_hour, price
from settings import Settings, names
from stacks.model_digest import model_digest
from stacks.storage import Storage

# Resolved by CloudFormation when it deploys: synth looks nothing up.
IMAGE = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
MAX_USER_DATA = 16 * 1024  # bytes, before base64: EC2's limit
# The signal's pre-signed URL, a short token at synth, is this long when it is deployed.
_MAX_WAIT_URL = 1024
_SCRIPT = Path(__file__).parent.parent / "ec2" / "user_data.sh"
_HOUR = 3600


class UserDataTooLong(Exception):
    """The user data is over EC2's limit of 16 KB."""


class Ec2Training(Stack):
    """`instance` runs `user_data`. After the deploy the model is at `model_uri`; `digest` identifies it."""

    def __init__(
        self, scope: Construct, id: str, *, settings: Settings, storage: Storage, profile: iam.CfnInstanceProfile
    ) -> None:
        super().__init__(scope, id)
        self.digest = model_digest(
            code=storage.program.digest,
            dataset=settings.dataset,
            weights=settings.weights,
            hyperparameters=settings.hyperparameters,
            image=IMAGE,
            instance_type=settings.ec2_instance_type,
            instance_count=1,
        )
        timeout = str(settings.training_max_hours * _HOUR)
        zone = [settings.ec2_zone_id] if settings.ec2_zone_id else []
        subnet, group, routes = self._network(settings.ec2_zone_id)
        properties: dict[str, Any] = {
            "image_id": ssm.StringParameter.value_for_typed_string_parameter_v2(
                self, IMAGE, ssm.ParameterValueType.AWS_EC2_IMAGE_ID
            ),
            "instance_type": settings.ec2_instance_type,
            "iam_instance_profile": profile.ref,
            "subnet_id": subnet.ref,
            "security_group_ids": [group.attr_group_id],
            "instance_initiated_shutdown_behavior": "terminate",
            "credit_specification": ec2.CfnInstance.CreditSpecificationProperty(cpu_credits=settings.ec2_credits),
            "metadata_options": ec2.CfnInstance.MetadataOptionsProperty(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            "block_device_mappings": [
                ec2.CfnInstance.BlockDeviceMappingProperty(
                    device_name="/dev/xvda",
                    ebs=ec2.CfnInstance.EbsProperty(
                        encrypted=True,
                        delete_on_termination=True,
                        volume_type="gp3",
                        volume_size=settings.ec2_volume_gib,
                    ),
                )
            ],
            "monitoring": True,
            "propagate_tags_to_volume_on_creation": True,
        }

        def script(wait_url: str) -> str:
            return user_data(settings=settings, storage=storage, digest=self.digest, wait_url=wait_url)

        # Neither a terminated instance nor a wait condition can be updated, so any difference changes their logical
        # ids. The new instance finds the model in S3, unless the digest differs too.
        made_of = json.dumps(
            self.resolve([script(wait_url=""), properties, timeout, *zone, settings.tags]), sort_keys=True
        )
        short = hashlib.sha256(made_of.encode()).hexdigest()[:12]
        handle = CfnWaitConditionHandle(self, f"Handle{short}")
        self.user_data = script(handle.ref)
        self.instance = ec2.CfnInstance(self, "Instance", user_data=Fn.base64(self.user_data), **properties)
        self.instance.override_logical_id(f"Instance{short}")
        for route in routes:
            self.instance.node.add_dependency(route)
        wait = CfnWaitCondition(self, f"Trained{short}", handle=handle.ref, count=1, timeout=timeout)
        wait.node.add_dependency(self.instance)
        self.model_uri = f"s3://{storage.bucket_name}/{names.EC2_ARTIFACTS}/{names.EC2_MODEL}"
        CfnOutput(self, "ModelUri", value=self.model_uri)
        data = wait.attr_data.to_string()
        CfnOutput(self, "Trained", value=data, description="what the run cost, by the model's digest, as JSON")
        CfnOutput(self, "InstanceId", value=self.instance.ref, description="aws ssm start-session --target …")

    def _network(self, zone: str) -> tuple[ec2.CfnSubnet, ec2.CfnSecurityGroup, list[Construct]]:
        """A public subnet without NAT, a security group without ingress, and the resources that a boot depends on.

        Without a `zone`, AWS places the subnet in any, which may lack the instance type ("Instance types by region",
        EC2 user guide).
        """
        vpc = ec2.CfnVPC(self, "Vpc", cidr_block="10.0.0.0/24", enable_dns_support=True, enable_dns_hostnames=True)
        gateway = ec2.CfnInternetGateway(self, "Gateway")
        attached = ec2.CfnVPCGatewayAttachment(self, "Attached", vpc_id=vpc.ref, internet_gateway_id=gateway.ref)
        # The address is public because packages come from the internet, and a NAT gateway costs more than the instance.
        subnet = ec2.CfnSubnet(
            self,
            "Subnet",
            vpc_id=vpc.ref,
            cidr_block=_addresses(zone),
            availability_zone_id=zone or None,
            map_public_ip_on_launch=True,
        )
        routes = ec2.CfnRouteTable(self, "Routes", vpc_id=vpc.ref)
        out = ec2.CfnRoute(
            self, "Out", route_table_id=routes.ref, destination_cidr_block="0.0.0.0/0", gateway_id=gateway.ref
        )
        out.node.add_dependency(attached)
        joined = ec2.CfnSubnetRouteTableAssociation(self, "Joined", route_table_id=routes.ref, subnet_id=subnet.ref)
        s3 = ec2.CfnVPCEndpoint(
            self,
            "S3",
            vpc_id=vpc.ref,
            service_name=f"com.amazonaws.{Aws.REGION}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[routes.ref],
        )
        group = ec2.CfnSecurityGroup(
            self,
            "Group",
            vpc_id=vpc.ref,
            group_description="Training instance: nothing in, HTTPS out",
            security_group_egress=[
                ec2.CfnSecurityGroup.EgressProperty(
                    ip_protocol="tcp", from_port=443, to_port=443, cidr_ip="0.0.0.0/0", description="AWS and packages"
                )
            ],
        )
        return subnet, group, [out, joined, s3]


def _addresses(zone: str) -> str:
    """The subnet's block. Each zone has its own: a change of zones makes the new subnet while the old one is there."""
    return f"10.0.0.{64 + 16 * (int(zone.rpartition('az')[2]) % 12)}/28" if zone else "10.0.0.0/26"


def dollars_an_hour(settings: Settings) -> float:
    """List price of one hour of the instance, with its public address, its disk and its detailed metrics, in dollars.

    Not included: traffic and, if `ec2_credits` is `unlimited`, surplus CPU credits.
    """
    month = settings.ec2_volume_gib * price("ec2", "volume_gb_month") + price("cloudwatch", "instance_metrics_month")
    return instance_hour(settings.ec2_instance_type) + price("ec2", "public_address_hour") + month / HOURS


def user_data(*, settings: Settings, storage: Storage, digest: str, wait_url: str) -> str:
    """ec2/user_data.sh below the variables of this training. The only secret in it is the signal's URL.

    Raises:
        UserDataTooLong: it is over EC2's 16 KB.
    """
    program = storage.program
    values = {
        "REGION": Aws.REGION,
        "BUCKET": storage.bucket_name,
        "DIGEST": digest,
        "PROGRAM": f"{program.bucket_name}/{program.key}",
        "DATASET": settings.dataset,
        "WEIGHTS": settings.weights,
        "INSTANCE_TYPE": settings.ec2_instance_type,
        "PRICE_PER_HOUR": f"{dollars_an_hour(settings):.4f}",
        "WAIT_URL": wait_url,
    }
    flags = [word for name, text in settings.hyperparameters.items() for word in (f"--{name}", text)]
    lines = [f"{name}={shlex.quote(value)}" for name, value in values.items()]
    head = "\n".join(["#!/bin/bash", *lines, f"HYPERPARAMETERS=({shlex.join(flags)})", ""])
    return within_limit(head + _SCRIPT.read_text())


def within_limit(script: str) -> str:
    """Return `script` if EC2 accepts it with the longest signal URL; else raise UserDataTooLong."""
    size = len(script.encode()) + _MAX_WAIT_URL
    if size > MAX_USER_DATA:
        raise UserDataTooLong(
            f"ec2/user_data.sh makes {size} bytes of user data (with the signal's URL), and EC2 takes {MAX_USER_DATA}:"
            f" shorten it by {size - MAX_USER_DATA}, or move a part into the training program's zip"
        )
    return script
