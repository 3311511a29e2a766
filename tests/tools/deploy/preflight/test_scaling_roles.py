"""The service-linked roles that a new account lacks are made at the beginning of a deploy, by whoever may.

AWS's page: "Service-linked roles for Application Auto Scaling", Application Auto Scaling user guide.
"""

from typing import Any

import pytest
from aws_cdk.assertions import Template
from botocore.exceptions import ClientError

from tests.stacks.conftest import templates  # noqa: F401 (a fixture: the synthesized app)
from tests.tools.deploy.preflight.conftest import Assembly, Aws, target
from tools.deploy.preflight.scaling_roles import make_scaling_roles, scaling_roles
from tools.deploy.preflight.target import Target

ENDPOINT = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
FUNCTION = "AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency"
ROLE = {"Path": "/", "RoleName": "r", "RoleId": "A" * 16, "Arn": f"arn:{'a' * 20}", "CreateDate": 0}


@pytest.fixture
def assembly(templates: dict[str, Template]) -> Assembly:  # noqa: F811
    return Assembly(templates["serving"].to_json())


def lacks(aws: Aws, *names: str) -> None:
    """Makes the account lack these roles and have the others."""
    for name in (FUNCTION, ENDPOINT):
        if name in names:
            aws("iam").add_client_error("get_role", "NoSuchEntity", expected_params={"RoleName": name})
        else:
            aws("iam").add_response("get_role", {"Role": ROLE}, {"RoleName": name})


def made(to: Target) -> list[str]:
    lines: list[str] = []
    make_scaling_roles(to, say=lines.append)
    return lines


def test_roles_that_are_there_are_right_and_stay(aws: Aws, assembly: Assembly) -> None:
    lacks(aws)
    assert scaling_roles(target(assembly)) == "they are there"
    lacks(aws)
    assert made(target(assembly)) == []


def test_one_that_is_missing_is_made_by_the_deploy_which_says_so(aws: Aws, assembly: Assembly) -> None:
    lacks(aws, ENDPOINT)
    assert scaling_roles(target(assembly)) == f"the deploy makes {ENDPOINT}"
    lacks(aws, ENDPOINT)
    service = {"AWSServiceName": "sagemaker.application-autoscaling.amazonaws.com"}
    aws("iam").add_response("create_service_linked_role", {"Role": ROLE}, service)
    assert made(target(assembly)) == [f"made the service-linked role {ENDPOINT}"]
    aws("iam").assert_no_pending_responses()


def test_who_may_not_make_them_leaves_it_to_cloudformation_and_hears_of_the_way_out(
    aws: Aws, assembly: Assembly
) -> None:
    lacks(aws, ENDPOINT, FUNCTION)
    for _ in range(2):
        aws("iam").add_client_error("create_service_linked_role", "AccessDenied")
    function, endpoint = made(target(assembly))
    assert function.startswith(f"{FUNCTION} is not there, and you may not make it (AccessDenied). CloudFormation ")
    assert endpoint.endswith(
        "aws iam create-service-linked-role --aws-service-name sagemaker.application-autoscaling.amazonaws.com"
    )


def test_the_deploy_asks_for_them_once(aws: Aws, assembly: Assembly) -> None:
    """The stub answers one GetRole for each role: another would be an error."""
    to = target(assembly)
    lacks(aws, ENDPOINT)
    aws("iam").add_response("create_service_linked_role", {"Role": ROLE})
    assert scaling_roles(to) == f"the deploy makes {ENDPOINT}"
    assert made(to) == [f"made the service-linked role {ENDPOINT}"]


def test_without_a_scalable_function_its_role_is_not_asked_for(aws: Aws) -> None:
    only: dict[str, Any] = {
        "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
        "Properties": {"ServiceNamespace": "sagemaker"},
    }
    aws("iam").add_response("get_role", {"Role": ROLE}, {"RoleName": ENDPOINT})
    assert scaling_roles(target(Assembly({"Resources": {"Target": only}}))) == "they are there"


def test_who_may_not_ask_is_told_so_and_deploys_all_the_same(aws: Aws, assembly: Assembly) -> None:
    aws("iam").add_client_error("get_role", "AccessDenied")
    with pytest.raises(ClientError, match="AccessDenied"):
        scaling_roles(target(assembly))
    aws("iam").add_client_error("get_role", "AccessDenied")
    assert made(target(assembly)) == []
