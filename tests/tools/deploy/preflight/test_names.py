"""A bucket that a removal kept stops a new deploy of its stage, which would fail on it; both ways out are told."""

import pytest
from botocore.exceptions import ClientError

from tests.tools.deploy.preflight.conftest import ACCOUNT, REGION, Aws, target
from tools.deploy.preflight.names import free_names
from tools.preflight import NotReady

BUCKET = f"slipway-dev-{ACCOUNT}-{REGION}"


def deployed(aws: Aws, status: str | None) -> None:
    """Makes the storage stack have this status; None: there is none."""
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
        'make destroy SETTINGS="keep_data=false"'
    ]


def test_who_may_not_ask_is_told_so(aws: Aws) -> None:
    aws("cloudformation").add_client_error("describe_stacks", "AccessDenied")
    with pytest.raises(ClientError, match="AccessDenied"):
        free_names(target())
    deployed(aws, None)
    buckets(aws, code="403")
    with pytest.raises(ClientError, match="403"):
        free_names(target())
