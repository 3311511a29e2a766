"""The property PermissionsBoundary of AWS::IAM::Role, which MiniStack ignores in templates.

Source: "Permissions boundaries for IAM entities", IAM user guide.
"""

import re
from functools import wraps
from typing import Any

from ministack.services import iam
from ministack.services.cloudformation import provisioners

_BOUNDARY = "PermissionsBoundary"
_PLACE_OF_PROPERTIES = {"create": 1, "update": 2}  # among the arguments of a handler


def install() -> None:
    """Give the roles that CloudFormation creates or updates the boundary of their templates."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]
    for operation, place in _PLACE_OF_PROPERTIES.items():
        handlers[operation] = _bounded(handlers[operation], place)


def _bounded(handler: Any, place: int) -> Any:
    @wraps(handler)
    def handle(*arguments: Any, **named: Any) -> Any:
        boundary = arguments[place].get(_BOUNDARY, "")
        if boundary and (refusal := iam._boundary_policy_error(boundary)):
            raise ValueError(re.findall(r"<Message>(.*?)</Message>", refusal[2].decode())[0])
        made = handler(*arguments, **named)
        iam._roles[made[0]][_BOUNDARY] = boundary
        return made

    return handle
