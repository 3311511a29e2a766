"""Concurrent executions of Lambda that the function reserves or provisions."""

import boto3

from aws.quotas import LAMBDA_CONCURRENCY, LAMBDA_UNRESERVED
from tools.deploy.preflight.target import Target
from tools.preflight import NotReady
from tools.stack import resources


def concurrency(target: Target) -> str:
    """The account has the concurrency that the serving stack's template reserves or provisions.

    Lambda would refuse it too, but only after the training, when the endpoint exists.
    """
    template = target.assembly().template("serving")
    [function] = resources(template, "AWS::Lambda::Function").values()
    [alias] = resources(template, "AWS::Lambda::Alias").values()
    reserved = function.get("ReservedConcurrentExecutions", 0)
    provisioned = alias.get("ProvisionedConcurrencyConfig", {}).get("ProvisionedConcurrentExecutions", 0)
    # Provisioned concurrency is taken from the reservation, if there is one, and else counts as reserved.
    wanted = reserved or provisioned
    if not wanted:
        return "none is reserved or provisioned"
    client = boto3.client("lambda")
    limit = client.get_account_settings()["AccountLimit"]
    try:
        known = client.get_function_concurrency(FunctionName=function["FunctionName"])
    except client.exceptions.ResourceNotFoundException:  # the first deploy
        known = {}
    own, quota = known.get("ReservedConcurrentExecutions", 0), limit["ConcurrentExecutions"]
    room = max(limit["UnreservedConcurrentExecutions"] + own - min(LAMBDA_UNRESERVED, quota), 0)
    if wanted > max(room, own):
        raise NotReady(
            f"lambda_{'reserved' if reserved else 'provisioned'}_concurrency = {wanted}: of the {quota} concurrent "
            f"executions that Lambda gives this account, {room} are left to reserve or provision. Reserve nothing: "
            f'SETTINGS="lambda_reserved_concurrency=0 lambda_provisioned_concurrency={min(provisioned, room)}"; or ask '
            "for a higher quota: aws service-quotas request-service-quota-increase --service-code lambda --quota-code "
            f"{LAMBDA_CONCURRENCY} --desired-value 1000"
        )
    return f"{wanted} of {max(room, own)} that are free"
