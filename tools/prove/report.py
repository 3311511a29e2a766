"""The proof, as out/proof.json and out/proof.md."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local_aws.doubts import DOUBTS
from tools.prove.state import ProofState

JSON_FILE, MARKDOWN_FILE = Path("out") / "proof.json", Path("out") / "proof.md"
_MARK = {True: "yes", False: "**no**", None: ""}
_LOCAL = "local AWS: nothing was billed, the amount is what as long would cost in an account"


def write(
    state: ProofState, order: Sequence[str], left: Sequence[str], *, prices: str, local: bool, folder: Path = Path()
) -> None:
    """Write both files; `order` has the names of the rows, and the dollars are at the prices of the region `prices`."""
    rows = [state.answers[name] for name in order if name in state.answers]
    proof = {"rows": rows, "seconds": round(state.seconds, 1), "usd": round(state.usd, 2), "left": list(left)}
    for file, text in (
        (JSON_FILE, json.dumps(proof, indent=2, ensure_ascii=False) + "\n"),
        (MARKDOWN_FILE, _markdown(proof, state, prices, local)),
    ):
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _markdown(proof: dict[str, Any], state: ProofState, prices: str, local: bool) -> str:
    where = f"account {state.account}, region {state.region}" + (f" ({_LOCAL})" if local else "")
    answered = sum(row["ok"] is not None for row in proof["rows"])
    lines = [
        "# Proof",
        "",
        f"In {where}: {answered} of {len(proof['rows'])} rows answered in {proof['seconds'] / 60:.0f} minutes, "
        f"{proof['usd']:.2f} $ at list prices of {prices}.",
        "",
        "| row | question | answer | as expected | settles |",
        "|---|---|---|---|---|",
    ]
    for row in proof["rows"]:
        expected = _MARK[row["ok"]] or row["why"]
        lines.append(f"| `{row['name']}` | {row['question']} | {_cell(row['answer'])} | {expected} | {row['doubt']} |")
    lines += ["", "Left: " + (", ".join(proof["left"]) or "nothing of this stage") + ".", "", "## Evidence", ""]
    for row in proof["rows"]:
        if row["evidence"]:
            lines += [f"### {row['name']}", "", *_doubt(row["doubt"]), "```", row["evidence"], "```", ""]
    return "\n".join(lines)


def _doubt(name: str) -> list[str]:
    if not name:
        return []
    doubt = DOUBTS[name]
    return [f"{doubt.question} On the local AWS: {doubt.usual}; with the doubt: {doubt.other}.", ""]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
