"""CloudFormation does one operation on a stack at a time; MiniStack accepts a second one.

Source of the words: https://github.com/remind101/empire/issues/932. That CreateChangeSet refuses, too:
https://github.com/ansible-collections/amazon.aws/pull/1910; ExecuteChangeSet is taken to say the same. A stack is
deleted while it is being created, and not while it is being updated, as src/buildercore/bootstrap.py of
elifesciences/builder has it.
"""

from collections.abc import Callable
from typing import Any

from ministack.services.cloudformation import _ACTION_HANDLERS, changesets, handlers
from ministack.services.cloudformation.helpers import _error, _p

from local_aws.service import Response

Params = dict[str, Any]


def install() -> None:
    """Refuse to change a stack that is being changed, and to delete one that is being updated."""
    for name in ("CreateChangeSet", "ExecuteChangeSet", "UpdateStack"):
        _ACTION_HANDLERS[name] = _of_an_idle_stack(_ACTION_HANDLERS[name])
    _ACTION_HANDLERS["DeleteStack"] = _unless_updated(_ACTION_HANDLERS["DeleteStack"])


def _of_an_idle_stack(operation: Callable[[Params], Response]) -> Callable[[Params], Response]:
    def handle(params: Params) -> Response:
        change_set = changesets._find_change_set(_p(params, "ChangeSetName"), _p(params, "StackName"))[1] or {}
        stack = handlers._resolve_stack(_p(params, "StackName") or change_set.get("StackName", "")) or {}
        status = str(stack.get("StackStatus", ""))
        if not status.endswith("_IN_PROGRESS") or status == "REVIEW_IN_PROGRESS":  # which has change sets alone
            return operation(params)
        return _refused(f"Stack:{stack['StackId']} is in {status} state and can not be updated.")

    return handle


def _unless_updated(operation: Callable[[Params], Response]) -> Callable[[Params], Response]:
    def handle(params: Params) -> Response:
        stack = handlers._resolve_stack(_p(params, "StackName")) or {}
        status = str(stack.get("StackStatus", ""))
        if not (status.startswith("UPDATE_") and status.endswith("_IN_PROGRESS")):
            return operation(params)
        return _refused(f"Stack [{stack['StackId']}] cannot be deleted while in status {status}")

    return handle


def _refused(message: str) -> Response:
    refused: Response = _error("ValidationError", message)
    return refused
