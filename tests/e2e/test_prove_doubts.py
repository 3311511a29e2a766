"""`make prove` on a local AWS that gives its other answers: they are what it finds."""

import json
from pathlib import Path

import pytest

from local_aws.doubts import DOUBTS
from tools.prove.__main__ import main
from tools.prove.row import ROWS

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

# One hides the other: a lost event is neither early nor doubled, and a doubled one makes up for a lost one.
TOGETHER = [
    ["metrics-late", "events-doubled", "rollback-succeeds", "update-to-live-refused", "tuning-limit-completes"],
    ["events-early", "hosts-late", "log-group-again", "scaling-statistic"],
    ["events-lost"],
]


@pytest.fixture(scope="module", params=TOGETHER, ids=lambda names: names[0])
def doubt(request: pytest.FixtureRequest) -> list[str]:
    names: list[str] = request.param
    return names


@pytest.mark.usefixtures("aws")
def test_a_doubt_is_settled_by_what_the_aws_does(
    doubt: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settling = [name for name, row in ROWS.items() if row.doubt in doubt and row.why == ""]

    main(["--yes", "--only", ",".join(settling)])

    proof = json.loads((tmp_path / "out" / "proof.json").read_text())
    told = {row["doubt"]: row["answer"].partition(":")[0] for row in proof["rows"]}
    assert set(told) == set(doubt)
    for name, answer in told.items():
        assert DOUBTS[name].other.startswith(answer), (name, answer)
        assert not DOUBTS[name].usual.startswith(answer), (name, answer)
    assert {row["name"]: row for row in proof["rows"] if not row["ok"]} == {}
    assert proof["left"] == []
