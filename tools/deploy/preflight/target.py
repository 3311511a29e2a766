"""Target of a deploy, as the checks are told it: account, region, settings and the synthesized app."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from settings import Settings
from tools.assembly import SynthesizedApp
from training.errors import ReportedError

Answer = TypeVar("Answer")


class Unknown(ReportedError):
    """A check cannot tell; the message says why."""


@dataclass(frozen=True)
class Target:
    """A deploy with these settings. `assembly` waits until the app is synthesized.

    `answers` keeps what AWS said to the checks, for the deploy that follows them.
    """

    settings: Settings
    account: str
    region: str
    assembly: Callable[[], SynthesizedApp]
    answers: dict[Callable[["Target"], Any], Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, ask: "Callable[[Target], Answer]") -> Answer:
        """Answer of `ask`; AWS is asked only if no check has got one."""
        if ask not in self.answers:
            self.answers[ask] = ask(self)
        return cast(Answer, self.answers[ask])


Check = Callable[[Target], str]
"""Returns what it found, if that is right.

Raises:
    NotReady: it is wrong, with the command that mends it.
    Unknown, ClientError, BotoCoreError: it cannot tell, such as where it may not ask.
"""
