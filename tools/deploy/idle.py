"""Refuses to deploy over another deploy: CloudFormation does one operation on a stack at a time."""

from collections.abc import Iterable

from tools.stack import describe, is_busy
from training.errors import ReportedError

# CloudFormation's words: https://github.com/remind101/empire/issues/932.
REFUSED = "_IN_PROGRESS state and can not be updated"


class StackBusy(ReportedError):
    """A stack is being changed; the message says which and since when."""


def require_idle(stacks: Iterable[str], *, begun: bool = False) -> None:
    """Raises StackBusy if one of the stacks is being changed; `begun` if this deploy may have changed others before."""
    left = "This one changed nothing"
    if begun:
        left = "What this one had changed before stays, and make live with the same SETTINGS compares it"
    for name in stacks:
        stack = describe(name)
        if stack and is_busy(stack["StackStatus"]):
            since = stack.get("LastUpdatedTime", stack["CreationTime"])
            raise StackBusy(
                f"stack {name} is being changed since {since:%Y-%m-%d %H:%M:%S %Z} ({stack['StackStatus']}), by "
                f"another deploy or one that was interrupted: deploy again when it is done. {left}"
            )
