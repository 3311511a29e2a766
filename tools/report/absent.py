"""A part of the report that cannot be shown, and the command that makes it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from aws.prices import UnknownPrice
from iam.errors import GateError
from training.errors import ReportedError

Found = TypeVar("Found")


@dataclass(frozen=True)
class Absent:
    """The place of a part that cannot be shown: why it is not there, and the make target that makes it, if one does."""

    why: str
    command: str = ""


class Missing(ReportedError):
    """A part of the report is not there; `command` is the make target that makes it, if one does."""

    def __init__(self, why: str, command: str = "") -> None:
        super().__init__(why)
        self.command = command


def found_or_absent(read: Callable[[], Found]) -> Found | Absent:
    """Call `read`; return its result, or why it has none: what is missing, or the error of AWS."""
    try:
        return read()
    except Missing as missing:
        return Absent(str(missing), missing.command)
    except (BotoCoreError, ClientError, GateError, ReportedError, UnknownPrice) as error:
        return Absent(str(error))
