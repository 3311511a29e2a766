"""State of a proof in out/prove.json: an interrupted one goes on where it was."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from training.errors import ReportedError
from training.writing import replaced

FILE = Path("out") / "prove.json"


class UnreadableState(ReportedError):
    """out/prove.json cannot be read; the message says what to do."""


@dataclass
class ProofState:
    """Progress of an unfinished proof. All amounts add up over its runs.

    Attributes:
        settings: given to every deploy.
        done: steps that are done.
        facts: what each of them noted.
        answers: rows that are answered, as in out/proof.json.
        seconds: how long it ran.
        usd: what it cost.
        clock: until when that is counted, epoch seconds.
    """

    account: str
    region: str
    settings: dict[str, str]
    done: list[str] = field(default_factory=list)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: float = 0.0
    usd: float = 0.0
    clock: float = 0.0

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        with replaced(path) as file:
            file.write(json.dumps(asdict(self), indent=1).encode())


def read(path: Path) -> ProofState | None:
    """The state in the file; None without one.

    Raises:
        UnreadableState: the file holds something else.
    """
    try:
        return ProofState(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise UnreadableState(
            f"{path} is not of an interrupted `make prove` of this version ({error}): remove what it deployed, "
            f'make destroy SETTINGS="stage=prove keep_data=false", then delete {path}'
        ) from error
