"""Authorises CloudFormation's actions, as the stack's service role or else as its caller; MiniStack checks nothing.

Source: "CloudFormation service role", CloudFormation user guide: a stack keeps the role that it was once given.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlparse

from ministack.core.responses import get_account_id, get_region
from ministack.services import ssm
from ministack.services.cloudformation import _ACTION_HANDLERS, changesets, handlers, provisioners, stacks
from ministack.services.cloudformation.helpers import _error, _p

from local_aws.iam.authorization import caller, require, require_pass_role
from local_aws.iam.principal import RoleSession
from local_aws.iam.resource_actions import actions_of
from local_aws.iam.type_actions import Properties
from local_aws.keys import key_arn
from local_aws.service import ApiError, Response

_SERVICE = "cloudformation.amazonaws.com"
_ROLE = "RoleARN"
_CHANGES_STACKS = (
    "ContinueUpdateRollback",
    "CreateStack",
    "DeleteStack",
    "ExecuteChangeSet",
    "RollbackStack",
    "UpdateStack",
)

Params = dict[str, Any]
Operation = Callable[[Params], Response]


def install() -> None:
    """Authorise stack operations: templates read, roles passed, and every resource created, updated or deleted."""
    for name in _CHANGES_STACKS:
        _ACTION_HANDLERS[name] = _with_role(_ACTION_HANDLERS[name])
    _ACTION_HANDLERS["CreateChangeSet"] = _remembering_role(_ACTION_HANDLERS["CreateChangeSet"])
    _authorise_resources()
    _authorise_parameters()


# ---------------------------------------------------------------------- stack operations


def _with_role(operation: Operation) -> Operation:
    """Run a stack operation as the stack's role; its tasks inherit the role by a copy of the operation's context."""

    def handle(params: Params) -> Response:
        try:
            _require_inputs(params)
            with _acting_as(_role_for(params)):
                answer = operation(params)
        except ApiError as error:
            return _refusal(error)
        stack = handlers._resolve_stack(_p(params, "StackName"))
        if stack is not None and answer[0] == 200 and (role := _role_for(params)):
            stack[_ROLE] = role
        return answer

    return handle


def _remembering_role(create_change_set: Operation) -> Operation:
    def handle(params: Params) -> Response:
        try:
            _require_inputs(params)
        except ApiError as error:
            return _refusal(error)
        with _acting_as(_p(params, _ROLE)):  # SSM parameters are read as the role
            answer = create_change_set(params)
        change_set = changesets._find_change_set(_p(params, "ChangeSetName"), _p(params, "StackName"))[1]
        if change_set is not None and answer[0] == 200:
            change_set[_ROLE] = _p(params, _ROLE)
        return answer

    return handle


def _require_inputs(params: Params) -> None:
    """Require that the caller may pass the role and read the template that the operation names (else ApiError)."""
    if role := _p(params, _ROLE):
        require_pass_role(caller.get(), role, _SERVICE)
    if url := _p(params, "TemplateURL"):
        require(caller.get(), "s3:GetObject", f"arn:aws:s3:::{urlparse(url).path.lstrip('/')}")


def _role_for(params: Params) -> str:
    """Role of the operation, or of its change set, or of its stack; "" without one."""
    change_set = changesets._find_change_set(_p(params, "ChangeSetName"), _p(params, "StackName"))[1]
    stack = handlers._resolve_stack(_p(params, "StackName") or (change_set or {}).get("StackName", ""))
    return str(_p(params, _ROLE) or (change_set or {}).get(_ROLE) or (stack or {}).get(_ROLE) or "")


@contextmanager
def _acting_as(role: str) -> Iterator[None]:
    if not role:
        yield
        return
    # "Cross-service confused deputy prevention", CloudFormation user guide, has source keys for extensions alone.
    session = RoleSession(role, service=_SERVICE, session_name="AWSCloudFormation")
    before = caller.set(session.access_key)
    try:
        yield
    finally:
        caller.reset(before)


def _refusal(error: ApiError) -> Response:
    denied = error.code == "AccessDeniedException"
    answer: Response = _error("AccessDenied" if denied else "ValidationError", str(error), 403 if denied else 400)
    return answer


# ---------------------------------------------------------------------- resources


def _authorise_resources() -> None:
    provision, update, delete = stacks._provision_resource, stacks._update_resource, stacks._delete_resource

    def provision_authorised(type_: str, logical_id: str, properties: Any, stack: str) -> Any:
        _authorise("create", type_, None, properties)
        return provision(type_, logical_id, properties, stack)

    def update_authorised(type_: str, physical_id: str, old: Any, new: Any, *rest: Any) -> Any:
        if old != new:
            replaced = provisioners._replacing_change(type_, old, new)
            _authorise("create" if replaced else "update", type_, None if replaced else physical_id, new)
        return update(type_, physical_id, old, new, *rest)

    def delete_authorised(type_: str, physical_id: str, properties: Any, *rest: Any) -> None:
        if physical_id:  # deleting a resource that was never created needs no permission
            _authorise("delete", type_, physical_id, properties)
        delete(type_, physical_id, properties, *rest)

    stacks._provision_resource = provision_authorised
    stacks._update_resource = update_authorised
    stacks._delete_resource = delete_authorised


def _authorise(operation: str, type_: str, physical_id: str | None, properties: Properties) -> None:
    """Require the permissions of an operation on a resource; an error (ApiError, UnknownType) fails the resource."""
    table, key = actions_of(type_), caller.get()
    place = {"region": get_region(), "account": get_account_id()}
    for action, resource in table.needed(operation, physical_id, properties, place):
        require(key, action, resource)
    if operation != "delete":
        for role, service in table.roles(properties):
            require_pass_role(key, role, service)
    for action, resource in table.used(operation, properties):
        require(key, action, key_arn(resource) if action.startswith("kms:") else resource)


def _authorise_parameters() -> None:
    """Require ssm:GetParameters of the caller for template parameters of types like AWS::SSM::Parameter::Value."""
    original = ssm.resolve_parameter_value

    def resolve(name_or_arn: str, *rest: Any, **named: Any) -> Any:
        name = name_or_arn.partition(":parameter/")[2] or name_or_arn.lstrip("/")
        try:
            arn = f"arn:aws:ssm:{get_region()}:{get_account_id()}:parameter/{name}"
            require(caller.get(), "ssm:GetParameters", arn)
        except ApiError as error:
            raise ValueError(str(error)) from error  # MiniStack reports this type
        return original(name_or_arn, *rest, **named)

    ssm.resolve_parameter_value = resolve
