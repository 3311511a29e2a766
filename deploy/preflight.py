"""Is there an AWS to deploy to? Asked before anything is built, so that the answer is one clear line."""

import os
import ssl
import urllib.error
import urllib.request

import boto3
from botocore.exceptions import BotoCoreError, ClientError

_LOCAL = "start the local AWS with `make local`, then `. .local/aws.env`"


class NotReady(Exception):
    """Nothing to deploy to; the message says what to do."""


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
