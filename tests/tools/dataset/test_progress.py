"""Progress on stderr, of what takes more than a moment."""

import pytest

from tools.dataset.progress import bar


def test_a_step_of_many_images_says_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with bar("digest", 5000) as advance:
        advance(2000)
        advance(1000)
    assert "digest" in (said := capsys.readouterr().err)
    assert "3000/5000" in said


def test_a_step_of_few_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with bar("digest", 10) as advance:
        advance(10)
    assert capsys.readouterr() == ("", "")
