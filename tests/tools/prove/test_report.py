"""out/proof.json and out/proof.md."""

import json
from pathlib import Path

from tools.prove import report
from tools.prove.state import ProofState


def row(name: str, ok: bool | None, why: str = "", doubt: str = "") -> dict[str, object]:
    return {
        "name": name, "question": f"{name}?", "answer": f"{name} | told", "ok": ok, "why": why,
        "evidence": f"read {name}", "doubt": doubt,
    }  # fmt: skip


def test_both_files_have_every_row_and_what_is_left(tmp_path: Path) -> None:
    state = ProofState("1" * 12, "eu-west-1", {}, seconds=61.04, usd=1.234)
    state.answers = {
        "a": row("a", True, doubt="metrics-late"), "b": row("b", False), "c": row("c", None, "account only"),
    }  # fmt: skip

    report.write(state, ["b", "a", "c"], ["bucket x"], prices="us-east-1", local=False, folder=tmp_path)

    proof = json.loads((tmp_path / "out" / "proof.json").read_text())
    assert [each["name"] for each in proof["rows"]] == ["b", "a", "c"]
    assert set(proof["rows"][0]) == {"name", "question", "answer", "ok", "why", "evidence", "doubt"}
    assert (proof["seconds"], proof["usd"], proof["left"]) == (61.0, 1.23, ["bucket x"])
    text = (tmp_path / "out" / "proof.md").read_text()
    assert "2 of 3 rows answered in 1 minutes, 1.23 $ at list prices of us-east-1." in text
    assert "| `a` | a? | a \\| told | yes | metrics-late |" in text
    assert "| `b` | b? | b \\| told | **no** |  |" in text
    assert "| `c` | c? | c \\| told | account only |  |" in text
    assert "On the local AWS: yes; with the doubt: a few seconds later." in text
    assert "Left: bucket x." in text
