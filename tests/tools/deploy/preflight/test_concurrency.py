"""Concurrency of Lambda that the account lacks is told with the settings that need none of it, and the request."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk.assertions import Template

from tests.stacks.conftest import templates  # noqa: F401 (a fixture: the synthesized app)
from tests.tools.deploy.preflight.conftest import Assembly, Aws, target
from tools.deploy.preflight.concurrency import concurrency
from tools.preflight import NotReady


def stacks(*, reserved: int, provisioned: int) -> dict[str, Any]:
    """The serving stack's template, as far as it is looked at; 0 is not in it."""
    kept = {"ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": provisioned}} if provisioned else {}
    own = {"ReservedConcurrentExecutions": reserved} if reserved else {}
    return {
        "Resources": {
            "Function": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "f", **own}},
            "Live": {"Type": "AWS::Lambda::Alias", "Properties": kept},
        }
    }


@pytest.fixture
def account(aws: Aws) -> Callable[..., None]:
    """Makes Lambda answer for an account; `own` is what the function has reserved, None where there is none yet."""

    def answer(quota: int, unreserved: int, own: int | None) -> None:
        stub = aws("lambda")
        limit = {"ConcurrentExecutions": quota, "UnreservedConcurrentExecutions": unreserved}
        stub.add_response("get_account_settings", {"AccountLimit": limit})
        if own is None:
            stub.add_client_error("get_function_concurrency", "ResourceNotFoundException")
        else:
            stub.add_response("get_function_concurrency", {"ReservedConcurrentExecutions": own} if own else {})

    return answer


@pytest.mark.parametrize(
    ("quota", "unreserved", "own", "wanted", "room"),
    [
        (50, 50, None, 1, 0),
        (1000, 105, None, 10, 5),  # others have reserved the rest
        (1000, 105, 10, 16, 15),
        (1000, 90, None, 1, 0),
    ],
)
def test_a_reservation_that_the_account_has_no_room_for_is_refused(
    account: Callable[..., None], quota: int, unreserved: int, own: int | None, wanted: int, room: int
) -> None:
    account(quota, unreserved, own)
    with pytest.raises(NotReady, match=rf"_reserved_concurrency = {wanted}: of the {quota} .* {room} are left"):
        concurrency(target(Assembly(stacks(reserved=wanted, provisioned=1))))


@pytest.mark.parametrize(
    ("reserved", "setting"), [(10, "lambda_reserved_concurrency = 10"), (0, "lambda_provisioned_concurrency = 1")]
)
def test_in_a_new_account_it_says_with_which_settings_the_deploy_works(
    account: Callable[..., None], reserved: int, setting: str
) -> None:
    account(10, 10, None)
    with pytest.raises(NotReady, match=setting + ".*lambda_reserved_concurrency=0 lambda_provisioned_concurrency=0"):
        concurrency(target(Assembly(stacks(reserved=reserved, provisioned=1))))
    concurrency(target(Assembly(stacks(reserved=0, provisioned=0))))


@pytest.mark.parametrize(
    ("unreserved", "own", "wanted"),
    [(1000, None, 10), (110, None, 10), (100, 10, 10), (90, 10, 10)],
    ids=["plenty", "just enough", "its own", "its own, in an account that has too little"],
)
def test_a_reservation_that_fits_or_is_there_is_taken(
    account: Callable[..., None], unreserved: int, own: int | None, wanted: int
) -> None:
    account(1000, unreserved, own)
    concurrency(target(Assembly(stacks(reserved=wanted, provisioned=1))))


def test_what_is_looked_at_is_in_the_template(
    account: Callable[..., None],
    templates: dict[str, Template],  # noqa: F811
) -> None:
    account(10, 10, None)
    with pytest.raises(NotReady, match="lambda_reserved_concurrency = 10"):
        concurrency(target(Assembly(templates["serving"].to_json())))
