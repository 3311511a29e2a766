"""The EC2 instance goes where its type is, and a plan or region without the type is told before anything is created."""

from collections.abc import Iterable

import pytest

from settings import read_settings
from tests.defaults import DEFAULTS
from tests.stacks.resources import ON_EC2
from tests.tools.deploy.preflight.conftest import ACCOUNT, Aws, target
from tools.deploy.preflight.ec2 import ec2_plan, ec2_zone, find_zone
from tools.preflight import NotReady

ON = ON_EC2
OTHERS = ["t3.micro", "t3.small", "t3.medium", "t3.large"]
STACK = {"StackName": "slipway-dev-ec2-training", "StackStatus": "CREATE_COMPLETE", "CreationTime": 0}


def offered(aws: Aws, zones: Iterable[str], type_: str = "t2.micro") -> None:
    """AWS: "DescribeInstanceTypeOfferings", EC2 API reference."""
    answer = [{"InstanceType": type_, "LocationType": "availability-zone-id", "Location": zone} for zone in zones]
    filters = [{"Name": "instance-type", "Values": [type_]}]
    asked = {"LocationType": "availability-zone-id", "Filters": filters}
    aws("ec2").add_response("describe_instance_type_offerings", {"InstanceTypeOfferings": answer}, asked)


def plan(aws: Aws, name: str) -> None:
    answer = {"accountId": ACCOUNT, "accountPlanType": name, "accountPlanStatus": "ACTIVE"}
    aws("freetier").add_response("get_account_plan_state", answer, {})


def eligible(aws: Aws, asked: list[str], *types: str, lacking: str = "") -> None:
    """Answer which of the types `asked` are free: the first one is set, and the region has all but `lacking`."""
    for other in asked[1:]:
        offered(aws, [] if other == lacking else ["euw1-az2"], other)
    asked = [type_ for type_ in asked if type_ != lacking]
    described = [{"InstanceType": type_, "FreeTierEligible": type_ in types} for type_ in asked]
    aws("ec2").add_response("describe_instance_types", {"InstanceTypes": described}, {"InstanceTypes": asked})


def test_without_an_instance_nothing_is_asked(aws: Aws) -> None:
    assert ec2_zone(target()) == ec2_plan(target()) == "no EC2 instance is set"
    assert find_zone(target().settings) == ""


def test_a_zone_that_is_set_must_have_the_type(aws: Aws) -> None:
    offered(aws, ["euw1-az3", "euw1-az2"])
    assert ec2_zone(target(**ON, ec2_zone_id="euw1-az3")) == "euw1-az3 has t2.micro"

    offered(aws, ["euw1-az3", "euw1-az2"])
    with pytest.raises(NotReady) as said:
        ec2_zone(target(**ON, ec2_zone_id="euw1-az1"))
    assert said.value.problems == [
        "zone euw1-az1 has no t2.micro: SETTINGS=ec2_zone_id=euw1-az2, or SETTINGS=ec2_instance_type=t3.micro"
    ]


def test_without_a_zone_the_ones_to_choose_from_are_told(aws: Aws) -> None:
    offered(aws, ["euw1-az3", "euw1-az2"])
    assert ec2_zone(target(**ON)) == "t2.micro is in euw1-az2, euw1-az3: a first deploy takes euw1-az2"


def test_a_region_without_the_type_is_told(aws: Aws) -> None:
    offered(aws, [])
    with pytest.raises(NotReady, match=r"eu-west-1 has no t2\.micro: SETTINGS=ec2_instance_type=t3\.micro"):
        ec2_zone(target(**ON))


@pytest.mark.parametrize("deployed", [False, True])
def test_a_first_deploy_takes_a_zone_that_has_the_type_and_a_later_one_moves_nothing(aws: Aws, deployed: bool) -> None:
    settings = read_settings(DEFAULTS | ON | {"ec2_instance_type": "t3.micro"})
    if deployed:
        aws("cloudformation").add_response("describe_stacks", {"Stacks": [STACK]})
    else:
        aws("cloudformation").add_client_error("describe_stacks", "ValidationError", "does not exist")
        offered(aws, ["euw1-az3", "euw1-az2"], "t3.micro")
    assert find_zone(settings) == ("" if deployed else "euw1-az2")


def test_who_may_not_ask_for_zones_deploys_all_the_same(aws: Aws) -> None:
    aws("cloudformation").add_client_error("describe_stacks", "ValidationError", "does not exist")
    aws("ec2").add_client_error("describe_instance_type_offerings", "UnauthorizedOperation")
    assert find_zone(target(**ON).settings) == ""


def test_the_free_plan_without_the_type_names_the_way(aws: Aws) -> None:
    """AWS: "GetAccountPlanState", AWS cost management API reference. RunInstances then refuses other types
    (https://github.com/LinkedInLearning/learning-terraform-3087701/issues/345)."""
    plan(aws, "FREE")
    eligible(aws, ["t2.micro", *OTHERS], "t3.micro", "t3.small")
    with pytest.raises(NotReady) as said:
        ec2_plan(target(**ON))
    [problem] = said.value.problems
    assert problem.startswith("the account is on AWS's free plan, which has no t2.micro: ")
    assert "SETTINGS=ec2_instance_type=t3.micro" in problem

    plan(aws, "FREE")
    eligible(aws, ["t3.micro", "t2.micro", *OTHERS[1:]], "t3.micro", "t3.small", lacking="t2.micro")
    assert ec2_plan(target(**ON, ec2_instance_type="t3.micro")) == "the account's plan has t3.micro"


def test_what_is_too_large_for_the_free_plan_has_to_become_smaller(aws: Aws) -> None:
    plan(aws, "FREE")
    eligible(aws, ["t3.medium", "t3.large"], "t3.micro", "t3.small")
    with pytest.raises(
        NotReady, match=r"has no t3\.medium: lower batch_size or image_size for a smaller type, or upgrade"
    ):
        ec2_plan(target(ec2_training=True, architecture="resnet50", ec2_instance_type="t3.medium"))


def test_a_paid_plan_has_all_types(aws: Aws) -> None:
    plan(aws, "PAID")
    assert ec2_plan(target(**ON)) == "the account's plan has t2.micro"
