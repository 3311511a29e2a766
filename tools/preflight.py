"""Checks before a command: credentials, region, an endpoint that answers."""

import os
import socket
import ssl
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from training.errors import ReportedError

_LOCAL = "start the local AWS with `make local`, then `. .local/aws.env`"
_ACCOUNT = "for an account, open a new shell, without the variables of .local/aws.env"


class NotReady(ReportedError):
    """No AWS answers, or what a command needs there is missing; the message says what to do."""


def require_aws() -> tuple[str, str]:
    """Account and region of the credentials in the environment.

    Raises:
        NotReady: nothing answers at AWS_ENDPOINT_URL, no region, or no working credentials.
    """
    require_answer()
    for ours, of_boto3 in (("AWS_REGION", "AWS_DEFAULT_REGION"), ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")):
        if os.environ.get(ours):  # which the CDK takes before the other one; boto3 takes the other one first, or alone
            os.environ[of_boto3] = os.environ[ours]
    try:
        session = boto3.session.Session()
        if not session.region_name:
            raise NotReady(f"no region: set AWS_REGION, or {_LOCAL}")
        return session.client("sts").get_caller_identity()["Account"], session.region_name
    except (BotoCoreError, ClientError) as error:
        raise NotReady(f"no AWS to deploy to ({error}). Sign in (aws sso login), or {_LOCAL}") from error


def on_local_aws() -> bool:
    """True if the AWS of the environment is a local one."""
    return bool(os.environ.get("AWS_ENDPOINT_URL"))


def require_answer() -> None:
    """Raise `NotReady` if AWS_ENDPOINT_URL is set and nothing answers there."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if not endpoint:
        return
    try:
        context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE"))
        without_proxy = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        urllib.request.build_opener(*without_proxy).open(f"{endpoint}/_ministack/health", timeout=5)
    except urllib.error.HTTPError:
        return  # a server answers
    except (OSError, ValueError, HTTPException) as error:  # of a network, of an address that is none, of no HTTP server
        raise NotReady(f"nothing answers at {endpoint} (AWS_ENDPOINT_URL): {_LOCAL}; {_ACCOUNT}") from error


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
