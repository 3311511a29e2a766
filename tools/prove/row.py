"""A row of the proof: a question about AWS, and the function that answers it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tools.prove.system import ProvedSystem

Why = Literal["", "account only", "later", "person"]
_MAX_EVIDENCE = 1500  # characters; a log can be long


@dataclass(frozen=True)
class Answer:
    """Result of a row. `ok` is None if that is not to be told now; `evidence` is what was read, word for word."""

    answer: str
    ok: bool | None
    evidence: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "evidence", self.evidence[:_MAX_EVIDENCE])


Ask = Callable[[ProvedSystem], Answer]


@dataclass(frozen=True)
class ProofRow:
    """One question, asked after the step `step`.

    Attributes:
        expected: the answer that the system is built for; with a doubt, either of its answers is fine.
        doubt: the doubt of local_aws.doubts that it settles, or "".
        why: "account only": the local AWS cannot tell; "later": it takes a day; "person": it takes eyes or a mailbox.
        uses: further steps whose facts it reads.
        despite_failure: asked even if the step failed.
    """

    name: str
    question: str
    expected: str
    step: str
    ask: Ask
    doubt: str = ""
    why: Why = ""
    uses: tuple[str, ...] = ()
    despite_failure: bool = False

    @property
    def how(self) -> str:
        """The way in which it is asked: the function's docstring."""
        return " ".join((self.ask.__doc__ or "").split())


ROWS: dict[str, ProofRow] = {}


def row(
    *,
    question: str,
    expected: str,
    step: str,
    doubt: str = "",
    why: Why = "",
    uses: tuple[str, ...] = (),
    despite_failure: bool = False,
) -> Callable[[Ask], Ask]:
    """Decorate a function as a row of its name, with hyphens."""

    def declare(ask: Ask) -> Ask:
        name = ask.__name__.replace("_", "-")
        assert name not in ROWS, name
        ROWS[name] = ProofRow(name, question, expected, step, ask, doubt, why, uses, despite_failure)
        return ask

    return declare
