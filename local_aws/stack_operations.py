"""CloudFormation does one operation on a stack at a time; MiniStack accepts a second one.

Source of the words: https://github.com/remind101/empire/issues/932. That CreateChangeSet refuses, too:
https://github.com/ansible-collections/amazon.aws/pull/1910; ExecuteChangeSet is taken to say the same.
"""

from collections.abc import Callable
from typing import Any

from ministack.services.cloudformation import _ACTION_HANDLERS, changesets, handlers
from ministack.services.cloudformation.helpers import _error, _p

from local_aws.service import Response

Params = dict[str, Any]


def install() -> None:
    """Refuse to change a stack that is being changed."""
    for name in ("CreateChangeSet", "ExecuteChangeSet", "UpdateStack"):
        _ACTION_HANDLERS[name] = _of_an_idle_stack(_ACTION_HANDLERS[name])


def _of_an_idle_stack(operation: Callable[[Params], Response]) -> Callable[[Params], Response]:
    def handle(params: Params) -> Response:
        change_set = changesets._find_change_set(_p(params, "ChangeSetName"), _p(params, "StackName"))[1] or {}
        stack = handlers._resolve_stack(_p(params, "StackName") or change_set.get("StackName", "")) or {}
        status = str(stack.get("StackStatus", ""))
        if not status.endswith("_IN_PROGRESS") or status == "REVIEW_IN_PROGRESS":  # which has change sets alone
            return operation(params)
        message = f"Stack:{stack['StackId']} is in {status} state and can not be updated."
        refused: Response = _error("ValidationError", message)
        return refused

    return handle
