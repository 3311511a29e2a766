"""Doubts: what AWS's documents leave open."""

from pathlib import Path

import pytest

from local_aws import doubts
from local_aws.home import Home
from local_aws.lifecycle import up
from local_aws.running import LocalAwsError


def test_the_page_has_every_doubt() -> None:
    page = Path(doubts.__file__).parent.parent / "docs" / "doubts.md"
    assert page.read_text() == doubts.document(), "run make doubts-docs"


def test_the_usual_answer_is_given_unless_a_doubt_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(doubts.VARIABLE, raising=False)
    assert not any(map(doubts.other, doubts.DOUBTS))
    monkeypatch.setenv(doubts.VARIABLE, doubts.parse(["metrics-late"]))
    assert [name for name in doubts.DOUBTS if doubts.other(name)] == ["metrics-late"]
    monkeypatch.setenv(doubts.VARIABLE, doubts.parse(["all"]))
    assert all(map(doubts.other, doubts.DOUBTS))


def test_an_unknown_doubt_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(LocalAwsError, match="no doubt nonsense: take all, or some of rollback-succeeds"):
        up(Home(tmp_path / "local"), doubt=["nonsense"])
