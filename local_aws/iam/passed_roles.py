"""iam:PassRole, where a request to one of MiniStack's services gives something a role: MiniStack does not ask.

Source: "Granting a user permissions to pass a role to an AWS service", IAM user guide.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from ministack import app
from ministack.core import iam_actions

from local_aws.iam.authorization import caller, require_pass_role
from local_aws.service import ApiError, Response, answer

Roles = Callable[[str, str, dict[str, str], bytes], Iterator[str]]


def install() -> None:
    """Ask before a function, a rule or a rule's target gets its role."""
    _ask("lambda", _roles_of_functions)
    _ask("events", _roles_of_rules)


def _roles_of_functions(method: str, path: str, headers: dict[str, str], body: bytes) -> Iterator[str]:
    """CreateFunction's and UpdateFunctionConfiguration's."""
    if (method, path.rstrip("/").rpartition("/")[2]) in (("POST", "functions"), ("PUT", "configuration")):
        yield iam_actions._safe_json_field(body, "Role")


def _roles_of_rules(method: str, path: str, headers: dict[str, str], body: bytes) -> Iterator[str]:
    """PutRule's and PutTargets'."""
    if headers.get("x-amz-target", "").rpartition(".")[2] in ("PutRule", "PutTargets"):
        request = json.loads(body)
        yield request.get("RoleArn", "")
        for target in request.get("Targets", []):
            yield target.get("RoleArn", "")


def _ask(service: str, roles: Roles) -> None:
    original = app.SERVICE_HANDLERS[service]

    async def handle(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
    ) -> Response:
        try:
            for role in filter(None, roles(method, path, headers, body)):
                require_pass_role(caller.get(), role, f"{service}.amazonaws.com")
        except ApiError as error:
            return answer({"message": str(error)}, 403, error.code)
        response: Response = await original(method, path, headers, body, query_params)
        return response

    app.SERVICE_HANDLERS[service] = handle
