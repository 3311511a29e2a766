"""VPC endpoints of the services that a private network calls."""

from local_aws.home import DEFAULT_REGION
from tests.local_aws.conftest import Client


def test_sagemaker_s_services_have_endpoints_in_the_zones_of_the_default_subnets(client: Client) -> None:
    """AWS: "DescribeVpcEndpointServices", EC2 API reference."""
    ec2 = client("ec2")
    names = [f"com.amazonaws.{DEFAULT_REGION}.sagemaker.{name}" for name in ("api", "runtime")]
    default = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    found = ec2.describe_vpc_endpoint_services(ServiceNames=names)["ServiceDetails"]
    assert [each["ServiceName"] for each in found] == names
    assert {zone for each in found for zone in each["AvailabilityZones"]} == {
        each["AvailabilityZone"] for each in default
    }
