"""Target of a deploy, as the checks are told it: account, region, settings and the synthesized app."""

from collections.abc import Callable
from dataclasses import dataclass

from settings import Settings
from tools.assembly import SynthesizedApp
from training.errors import ReportedError


class Unknown(ReportedError):
    """A check cannot tell; the message says why."""


@dataclass(frozen=True)
class Target:
    """A deploy with these settings. `assembly` waits until the app is synthesized."""

    settings: Settings
    account: str
    region: str
    assembly: Callable[[], SynthesizedApp]


Check = Callable[[Target], str]
"""Returns what it found, if that is right.

Raises:
    NotReady: it is wrong, with the command that mends it.
    Unknown, ClientError, BotoCoreError: it cannot tell, such as where it may not ask.
"""
