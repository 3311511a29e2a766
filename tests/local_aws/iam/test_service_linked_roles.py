"""Service-linked roles have AWS's names, and whoever registers the first target needs the permission to make them.

Source: "Service-linked roles for Application Auto Scaling", Application Auto Scaling user guide.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws.home import ACCOUNT, Home
from tests.local_aws.conftest import Client, assume, make_role

pytestmark = pytest.mark.e2e

SERVICE = "lambda.application-autoscaling.amazonaws.com"
NAME = "AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency"
ARN = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/{SERVICE}/{NAME}"
EMPTY_ZIP = b"PK\x05\x06" + bytes(18)
_numbers = count()


@pytest.fixture(autouse=True)
def _none(client: Client) -> Iterator[None]:
    delete(client)
    yield
    delete(client)


def delete(client: Client) -> None:
    try:
        client("iam").delete_role(RoleName=NAME)
    except client("iam").exceptions.NoSuchEntityException:
        pass


def caller(client: Client, home: Home, *statements: dict[str, Any]) -> Client:
    name = f"linking-{next(_numbers)}"
    make_role(client, name, "sagemaker.amazonaws.com", *statements)
    return assume(client, home, name)


MAY_LINK = {
    "Action": "iam:CreateServiceLinkedRole",
    "Resource": f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/*",
    "Condition": {"StringLike": {"iam:AWSServiceName": "*.application-autoscaling.amazonaws.com"}},
}
MAY_SCALE = {"Action": ["application-autoscaling:*", "cloudwatch:*"], "Resource": "*"}


def test_it_is_made_by_hand_with_aws_s_name_and_once(client: Client, home: Home) -> None:
    by_hand = caller(client, home, MAY_LINK)("iam")
    made = by_hand.create_service_linked_role(AWSServiceName=SERVICE)["Role"]
    assert (made["RoleName"], made["Arn"]) == (NAME, ARN)
    assert client("iam").get_role(RoleName=NAME)["Role"]["Arn"] == ARN
    with pytest.raises(ClientError, match=f"InvalidInput.*{NAME} has been taken"):
        by_hand.create_service_linked_role(AWSServiceName=SERVICE)


def test_who_may_not_make_it_is_refused(client: Client, home: Home) -> None:
    with pytest.raises(ClientError, match="iam:CreateServiceLinkedRole"):
        caller(client, home, MAY_SCALE)("iam").create_service_linked_role(AWSServiceName=SERVICE)


def test_the_first_target_makes_it_for_who_may(client: Client, home: Home, target: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match=rf"AccessDenied.*iam:CreateServiceLinkedRole.*{NAME}"):
        caller(client, home, MAY_SCALE)("application-autoscaling").register_scalable_target(**target)
    caller(client, home, MAY_SCALE, MAY_LINK)("application-autoscaling").register_scalable_target(**target)
    assert client("iam").get_role(RoleName=NAME)["Role"]["Arn"] == ARN
    caller(client, home, MAY_SCALE)("application-autoscaling").register_scalable_target(**target)
    client("application-autoscaling").deregister_scalable_target(**{key: target[key] for key in PLACE})


PLACE = ("ServiceNamespace", "ScalableDimension", "ResourceId")


@pytest.fixture(scope="module")
def target(client: Client) -> dict[str, Any]:
    role = make_role(client, "scaled", "lambda.amazonaws.com")
    client("lambda").create_function(
        FunctionName="scaled", Runtime="python3.12", Role=role, Handler="f.handler", Code={"ZipFile": EMPTY_ZIP}
    )
    version = client("lambda").publish_version(FunctionName="scaled")["Version"]
    client("lambda").create_alias(FunctionName="scaled", Name="live", FunctionVersion=version)
    return {
        "ServiceNamespace": "lambda",
        "ScalableDimension": "lambda:function:ProvisionedConcurrency",
        "ResourceId": "function:scaled:live",
        "MinCapacity": 1,
        "MaxCapacity": 2,
    }
