"""Sessions of roles that AWS services assume."""

import json
import os
import secrets
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from ministack.core import iam_evaluator
from ministack.core.iam_evaluator import EvalContext, _service_principal_matches
from ministack.core.responses import get_account_id, get_region
from ministack.core.tls import resolve_tls_material
from ministack.services import iam, sts

from local_aws.iam.authorization import require
from local_aws.service import invalid


def require_trust(role_arn: str, service: str, **source: str) -> dict[str, Any]:
    """Return the role's record if its trust policy allows the service, which MiniStack does not check.

    `source` has the condition keys that the service sends, in lower case.

    Raises:
        ApiError: the role does not exist, or does not trust the service.
    """
    role: dict[str, Any] | None = iam._roles.get(role_arn.rsplit("/", 1)[-1])
    context = EvalContext(
        principal_arn=service,
        principal_type="Service",
        principal_account=get_account_id(),
        action="sts:AssumeRole",
        resource_arn=role_arn,
        region=get_region(),
        service_context=source,
    )
    if role is None or not _trusts(role["AssumeRolePolicyDocument"], service, context):
        raise invalid(
            f"Could not assume role {role_arn}. Please ensure that the role exists and allows principal "
            f"'{service}' to assume the role."
        )
    return role


def _trusts(document: str | dict[str, Any], service: str, context: EvalContext) -> bool:
    policy = json.loads(document) if isinstance(document, str) else document
    return any(
        statement["Effect"] == "Allow"
        and "sts:AssumeRole" in _listed(statement.get("Action", []))
        and _service_principal_matches(statement.get("Principal", {}), service)
        and iam_evaluator._conditions_met(statement.get("Condition", {}), context)
        for statement in _listed(policy["Statement"])
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


class RoleSession:
    """Temporary credentials of a role, and clients that use them against this local AWS."""

    def __init__(self, role_arn: str, *, service: str, source_arn: str | None = None, session_name: str) -> None:
        """Assume the role as the AWS service does.

        Args:
            source_arn: of the resource that the service names; None for a service whose documents have no source keys
                for the roles that it assumes.

        Raises:
            ApiError: the role does not exist, or its trust policy does not allow `service` for `source_arn`.
        """
        account, self._region = get_account_id(), get_region()
        source = {"aws:sourcearn": source_arn, "aws:sourceaccount": account} if source_arn else {}
        role, name = require_trust(role_arn, service, **source), role_arn.rsplit("/", 1)[-1]
        self.access_key = "ASIA" + secrets.token_hex(8).upper()
        self._secret, self._token = secrets.token_urlsafe(30), secrets.token_urlsafe(60)
        sts.register_session(
            self.access_key,
            {
                "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session_name[:64]}",
                "UserId": f"{role.get('RoleId', name)}:{session_name[:64]}",
                "SecretAccessKey": self._secret,
                "SessionToken": self._token,
                "AccountId": account,
            },
        )

    def require(self, action: str, resource: str, conditions: Mapping[str, str] | None = None) -> None:
        """Require a permission of the role, for what a service does without a client.

        Raises:
            ApiError: the role's policies do not allow it.
        """
        require(self.access_key, action, resource, conditions)

    def client(self, service: str, **config: Any) -> Any:
        """Create a boto3 client with the role's credentials."""
        return boto3.session.Session().client(
            service,
            region_name=self._region,
            endpoint_url=f"https://127.0.0.1:{os.environ['GATEWAY_PORT']}",
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self._secret,
            aws_session_token=self._token,
            verify=resolve_tls_material()[0],
            config=Config(retries={"max_attempts": 3}, s3={"addressing_style": "path"}, **config),
        )

    def environment(self) -> dict[str, str]:
        """Environment variables with the role's credentials and this local AWS's endpoint, for a container."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self._secret,
            "AWS_SESSION_TOKEN": self._token,
            "AWS_REGION": self._region,
            "AWS_DEFAULT_REGION": self._region,
            "AWS_ENDPOINT_URL": f"https://127.0.0.1:{os.environ['GATEWAY_PORT']}",
            "AWS_CA_BUNDLE": resolve_tls_material()[0],
        }
