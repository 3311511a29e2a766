"""docs/live-checks.md, written from the rows of the proof: `make prove-docs`."""

from settings.sources import ROOT
from tools.prove import rows
from tools.prove.row import ROWS, ProofRow

DOCUMENT = ROOT / "docs" / "live-checks.md"
_WHO = {
    "": "`make prove`, here too",
    "account only": "`make prove`, in an account",
    "later": "you, a day later",
    "person": "you",
}
_HEAD = """# Live checks

<!-- Written by `make prove-docs` from tools/prove/rows/. -->

These questions can be answered only by AWS itself. [`make prove`](deploying.md#what-only-an-account-can-prove) asks
them in your account, in a stage of its own, and removes it; everything else is tested on the local AWS, against
botocore's models and against the templates. The local AWS answers most of them too, as it understands AWS. A question
that settles a [doubt](doubts.md) has two good answers. `make prove ONLY=NAME` asks one.
"""


def document() -> str:
    """The text of docs/live-checks.md."""
    assert rows  # imported, so that they are declared
    head = "| name | question | how it is asked | expected | answered by | doubt |\n|---|---|---|---|---|---|"
    return "\n".join([_HEAD, head, *map(_line, ROWS.values())]) + "\n"


def _line(row: ProofRow) -> str:
    doubt = f"`{row.doubt}`" if row.doubt else ""
    cells = (f"`{row.name}`", row.question, row.how, row.expected, _WHO[row.why], doubt)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    DOCUMENT.write_text(document())
