"""A bucket that a removal kept stops a new deploy of its stage, which would fail on it; both ways out are told."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.tools.deploy.preflight.conftest import ACCOUNT, REGION, Aws, target
from tools.deploy.preflight.names import free_names
from tools.preflight import NotReady

BUCKET = f"slipway-dev-{ACCOUNT}-{REGION}"


ROLE: Any = {
    "Path": "/",
    "RoleName": "slipway-dev-training",
    "RoleId": "A" * 16,
    "Arn": f"arn:{'a' * 20}",
    "CreateDate": 0,
}


def roles(aws: Aws, *, here: bool, exist: bool) -> None:
    """Makes the roles' stack be deployed here, or else its roles exist."""
    stack = {"StackName": "slipway-dev-permissions", "StackStatus": "CREATE_COMPLETE", "CreationTime": 0}
    if here:
        aws("cloudformation").add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": stack["StackName"]})
        return
    aws("cloudformation").add_client_error("describe_stacks", "ValidationError", "does not exist")
    named = {"RoleName": ROLE["RoleName"]}
    if exist:
        aws("iam").add_response("get_role", {"Role": ROLE}, named)
    else:
        aws("iam").add_client_error("get_role", "NoSuchEntity", expected_params=named)


def deployed(aws: Aws, status: str | None) -> None:
    """Makes the storage stack have this status; None: there is none. No role has a name that the deploy needs."""
    roles(aws, here=status == "UPDATE_COMPLETE", exist=False)
    if status is None:
        aws("cloudformation").add_client_error("describe_stacks", "ValidationError", "does not exist")
        return
    stack = {"StackName": "slipway-dev-storage", "StackStatus": status, "CreationTime": 0}
    aws("cloudformation").add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": "slipway-dev-storage"})


def buckets(aws: Aws, *there: str, code: str = "404") -> None:
    for name in (BUCKET, f"{BUCKET}-logs"):
        if name in there:
            aws("s3").add_response("head_bucket", {}, {"Bucket": name})
        else:
            aws("s3").add_client_error("head_bucket", code, expected_params={"Bucket": name})


def test_a_stack_that_is_there_has_its_bucket(aws: Aws) -> None:
    deployed(aws, "UPDATE_COMPLETE")
    assert free_names(target()) == "slipway-dev-storage is deployed"


@pytest.mark.parametrize("status", [None, "REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"])
def test_without_the_stack_its_buckets_must_not_be_there(aws: Aws, status: str | None) -> None:
    deployed(aws, status)
    buckets(aws)
    assert free_names(target()) == f"no bucket {BUCKET} yet"

    deployed(aws, status)
    buckets(aws, BUCKET, f"{BUCKET}-logs")
    with pytest.raises(NotReady) as said:
        free_names(target())
    assert said.value.problems == [
        f"an earlier removal of stage dev kept bucket {BUCKET} and bucket {BUCKET}-logs: deploy another stage, "
        "SETTINGS=stage=…, or remove its images and models too, "
        'make destroy SETTINGS="stage=dev keep_data=false"'
    ]


def test_a_stage_of_another_region_has_the_roles(aws: Aws) -> None:
    """AWS: "IAM identifiers", IAM user guide: a role's name is unique in the account, whatever the region."""
    roles(aws, here=False, exist=True)
    with pytest.raises(NotReady) as said:
        free_names(target())
    assert said.value.problems == [
        "stage dev has role slipway-dev-training from another region: deploy another stage here, SETTINGS=stage=…"
    ]


def test_who_may_not_ask_is_told_so(aws: Aws) -> None:
    aws("cloudformation").add_client_error("describe_stacks", "AccessDenied")
    with pytest.raises(ClientError, match="AccessDenied"):
        free_names(target())
    deployed(aws, None)
    buckets(aws, code="403")
    with pytest.raises(ClientError, match="403"):
        free_names(target())
