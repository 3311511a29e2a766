"""Is there an AWS to deploy to, with room? Asked before anything is built, so that the answer is one clear line."""

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

# Lambda leaves so many of an account's concurrent executions to functions that reserve none ("Configuring reserved
# concurrency", Lambda developer guide), and all of them where the quota is lower, as it is in a new account. What is
# provisioned without a reservation counts as reserved.
_UNRESERVED = 100
_LOCAL = "start the local AWS with `make local`, then `. .local/aws.env`"


class NotReady(ReportedError):
    """There is nothing to deploy to, or to ask; the message says what to do."""


def require_aws() -> tuple[str, str]:
    """The account and region that the environment leads to.

    Raises:
        NotReady: no local AWS at AWS_ENDPOINT_URL, no region, no credentials, or none that work.
    """
    require_answer()
    if "AWS_REGION" in os.environ:  # the CDK and the newer SDKs read this one, boto3 only the older
        os.environ.setdefault("AWS_DEFAULT_REGION", os.environ["AWS_REGION"])
    try:
        session = boto3.session.Session()
        if not session.region_name:
            raise NotReady(f"no region: set AWS_REGION, or {_LOCAL}")
        return session.client("sts").get_caller_identity()["Account"], session.region_name
    except (BotoCoreError, ClientError) as error:
        raise NotReady(f"no AWS to deploy to ({error}). Sign in (aws sso login), or {_LOCAL}") from error


def require_answer() -> None:
    """Raises `NotReady` when the environment names an endpoint of its own and nothing answers there."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if not endpoint:
        return
    try:
        context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE"))
        urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=5, context=context)  # noqa: S310
    except urllib.error.HTTPError:
        return  # somebody answers
    except OSError as error:
        raise NotReady(f"nothing answers at {endpoint} (AWS_ENDPOINT_URL): {_LOCAL}") from error


def nobody_listens() -> bool:
    """Whether the endpoint that the environment names refuses connections, now and half a second later."""
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
            return False  # no sign that it is gone
        else:
            return False
    return True


def require_concurrency(serving: Mapping[str, Any]) -> None:
    """Raises `NotReady` when the account has no room for what the serving stack's template reserves or provisions.

    Lambda says so too, but only after the training, and once the endpoint is there.
    """
    [function] = resources(serving, "AWS::Lambda::Function").values()
    [alias] = resources(serving, "AWS::Lambda::Alias").values()
    reserved = function.get("ReservedConcurrentExecutions", 0)
    provisioned = alias.get("ProvisionedConcurrencyConfig", {}).get("ProvisionedConcurrentExecutions", 0)
    wanted = reserved or provisioned  # what is provisioned comes out of what is reserved, where anything is
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
