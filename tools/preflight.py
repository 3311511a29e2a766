"""Checks before a deploy: credentials, region, an endpoint that answers, free Lambda concurrency."""

import os
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from tools.stack import resources
from training.errors import ReportedError

# Lambda keeps this many of an account's concurrent executions for functions without a reservation, and all of them if
# the quota is lower, as in a new account. Provisioned concurrency without a reservation counts as reserved.
# "Configuring reserved concurrency", Lambda developer guide.
_UNRESERVED = 100
_LOCAL = "start the local AWS with `make local`, then `. .local/aws.env`"


class NotReady(ReportedError):
    """No AWS answers, or what a command needs there is missing; the message says what to do."""


def require_aws() -> tuple[str, str]:
    """Account and region of the credentials in the environment.

    Raises:
        NotReady: nothing answers at AWS_ENDPOINT_URL, no region, or no working credentials.
    """
    require_answer()
    if "AWS_REGION" in os.environ:  # read by the CDK and newer SDKs; boto3 reads only AWS_DEFAULT_REGION
        os.environ.setdefault("AWS_DEFAULT_REGION", os.environ["AWS_REGION"])
    try:
        session = boto3.session.Session()
        if not session.region_name:
            raise NotReady(f"no region: set AWS_REGION, or {_LOCAL}")
        return session.client("sts").get_caller_identity()["Account"], session.region_name
    except (BotoCoreError, ClientError) as error:
        raise NotReady(f"no AWS to deploy to ({error}). Sign in (aws sso login), or {_LOCAL}") from error


def require_answer() -> None:
    """Raise `NotReady` if AWS_ENDPOINT_URL is set and nothing answers there."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if not endpoint:
        return
    try:
        context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE"))
        urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=5, context=context)  # noqa: S310
    except urllib.error.HTTPError:
        return  # a server answers
    except OSError as error:
        raise NotReady(f"nothing answers at {endpoint} (AWS_ENDPOINT_URL): {_LOCAL}") from error


def nobody_listens() -> bool:
    """True if AWS_ENDPOINT_URL refuses connections twice, half a second apart."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if not endpoint:
        return False
    address = urlsplit(endpoint)
    port = address.port or (80 if address.scheme == "http" else 443)
    for pause in (0.5, 0.0):
        try:
            socket.create_connection((address.hostname, port), timeout=5).close()
        except ConnectionRefusedError:
            time.sleep(pause)
        except OSError:
            return False  # a timeout does not show that the server is gone
        else:
            return False
    return True


def require_concurrency(serving: Mapping[str, Any]) -> None:
    """Raise `NotReady` if the account lacks the concurrency that the serving stack's template reserves or provisions.

    Lambda would refuse it too, but only after the training, when the endpoint exists.
    """
    [function] = resources(serving, "AWS::Lambda::Function").values()
    [alias] = resources(serving, "AWS::Lambda::Alias").values()
    reserved = function.get("ReservedConcurrentExecutions", 0)
    provisioned = alias.get("ProvisionedConcurrencyConfig", {}).get("ProvisionedConcurrentExecutions", 0)
    wanted = reserved or provisioned  # provisioned concurrency is taken from the reservation, if there is one
    if not wanted:
        return
    client = boto3.client("lambda")
    limit = client.get_account_settings()["AccountLimit"]
    try:
        known = client.get_function_concurrency(FunctionName=function["FunctionName"])
    except client.exceptions.ResourceNotFoundException:  # the first deploy
        known = {}
    own, quota = known.get("ReservedConcurrentExecutions", 0), limit["ConcurrentExecutions"]
    room = max(limit["UnreservedConcurrentExecutions"] + own - min(_UNRESERVED, quota), 0)
    if wanted > max(room, own):
        raise NotReady(
            f"lambda_{'reserved' if reserved else 'provisioned'}_concurrency = {wanted}: of the {quota} concurrent "
            f"executions that Lambda gives this account, {room} are left to reserve or provision. Reserve nothing: "
            f'SETTINGS="lambda_reserved_concurrency=0 lambda_provisioned_concurrency={min(provisioned, room)}"; or ask '
            "for a higher quota: aws service-quotas request-service-quota-increase --service-code lambda --quota-code "
            "L-B99A9384 --desired-value 1000"
        )
