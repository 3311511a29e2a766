"""MiniStack's handlers of CloudFormation types, wrapped for properties that it ignores or keeps in another form."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from ministack.services.cloudformation import provisioners

Properties = dict[str, Any]
Made = tuple[str, dict[str, Any]]  # physical id, and attributes
Make = Callable[[Properties], Made]
_PROPERTIES = {"create": 1, "update": 2}  # place of the new properties among a handler's arguments


def wrap(type_: str, around: Callable[[Make, Properties], Made]) -> None:
    """Have `around` create and update resources of a type, instead of MiniStack's handlers.

    Args:
        around: gets MiniStack's handler, as a function of the properties, and the new properties of the resource. A
            ValueError fails the resource.
    """
    handlers = provisioners._RESOURCE_HANDLERS[type_]
    handlers |= {name: _wrapped(handlers[name], around, place) for name, place in _PROPERTIES.items()}


def _wrapped(handler: Any, around: Callable[[Make, Properties], Made], place: int) -> Any:
    @wraps(handler)
    def handle(*arguments: Any, **named: Any) -> Made:
        def original(properties: Properties) -> Made:
            made: Made = handler(*arguments[:place], properties, *arguments[place + 1 :], **named)
            return made

        return around(original, arguments[place])

    return handle
