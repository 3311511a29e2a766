"""Service-linked roles of Application Auto Scaling: made by whoever registers the first target, or before, by hand.

Source: "Service-linked roles for Application Auto Scaling", Application Auto Scaling user guide.
"""

import time
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import iam

from aws import service_linked_roles as aws
from local_aws import doubts
from local_aws.iam.authorization import caller, require
from local_aws.iam.requests import extend_resource_arn
from local_aws.service import invalid

_NAMESPACES = {aws.service(namespace): namespace for namespace in aws.NAMES}
_LATE_SECONDS = 5.0
_made_at: dict[str, float] = {}  # by name, by the monotonic clock

_create_original = iam._IAM_HANDLERS["CreateServiceLinkedRole"]


def install() -> None:
    """Give the roles AWS's names, and authorise their creation on these."""
    iam._IAM_HANDLERS["CreateServiceLinkedRole"] = _create
    extend_resource_arn("iam", lambda path, headers, body, query, *_: _arn(iam._p(query, "AWSServiceName")))


def ensure(namespace: str) -> None:
    """Create the role that scales a service's targets, unless it is there.

    Raises:
        ApiError: the caller may not, or the role is too new.
    """
    service = aws.service(namespace)
    if (arn := _arn(service)) is None:
        return
    name = aws.NAMES[namespace]
    if name not in iam._roles:
        require(caller.get(), "iam:CreateServiceLinkedRole", arn, {"iam:AWSServiceName": service})
        _create({"AWSServiceName": [service]})
    if doubts.other("linked-role-late") and time.monotonic() - _made_at.get(name, 0) < _LATE_SECONDS:
        raise invalid(f"Unable to assume IAM role: {arn}")


def _create(parameters: dict[str, Any]) -> Any:
    service = iam._p(parameters, "AWSServiceName")
    name = aws.NAMES.get(_NAMESPACES.get(service, ""))
    if name in iam._roles:
        message = f"Service role name {name} has been taken in this account, please try a different suffix."
        return iam._error(400, "InvalidInput", message, ns="iam")
    before = set(iam._roles)
    status, headers, body = _create_original(parameters)
    if name and status < 400:
        [made] = set(iam._roles) - before
        _made_at[name] = time.monotonic()
        iam._roles[name] = iam._roles.pop(made) | {"RoleName": name, "Arn": _arn(service)}
        body = body.replace(made.encode(), name.encode())
    return status, headers, body


def _arn(service: str) -> str | None:
    """ARN of the role; None for a service that is no namespace of Application Auto Scaling's."""
    namespace = _NAMESPACES.get(service)
    return namespace and f"arn:aws:iam::{get_account_id()}:role/{aws.path_and_name(namespace)}"
