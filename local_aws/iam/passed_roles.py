"""Checks iam:PassRole for requests to MiniStack's services that pass a role, since MiniStack does not.

Source: "Granting a user permissions to pass a role to an AWS service", IAM user guide.
"""

from collections.abc import Callable, Iterator
from typing import Any

from ministack import app
from ministack.core import iam_actions

from local_aws.iam.authorization import caller, require_pass_role
from local_aws.service import ApiError, Response, answer, parsed

Roles = Callable[[str, str, dict[str, str], bytes], Iterator[str]]


def install() -> None:
    """Check iam:PassRole when a function, a rule or a rule's target is given a role."""
    _ask("lambda", _roles_of_functions)
    _ask("events", _roles_of_rules)


def _roles_of_functions(method: str, path: str, headers: dict[str, str], body: bytes) -> Iterator[str]:
    if (method, path.rstrip("/").rpartition("/")[2]) in (("POST", "functions"), ("PUT", "configuration")):
        yield iam_actions._safe_json_field(body, "Role")


def _roles_of_rules(method: str, path: str, headers: dict[str, str], body: bytes) -> Iterator[str]:
    if headers.get("x-amz-target", "").rpartition(".")[2] in ("PutRule", "PutTargets"):
        request = parsed(body)
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
            return answer({"__type": error.code, "message": str(error)}, error.status, error.code)
        response: Response = await original(method, path, headers, body, query_params)
        return response

    app.SERVICE_HANDLERS[service] = handle
