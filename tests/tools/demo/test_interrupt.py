"""Ctrl-C in the demo ends its local AWS, and says that nothing bills."""

import sys
from typing import Any

import pytest

from tools.demo import __main__ as demo


@pytest.mark.parametrize(("arguments", "ended"), [((), 1), (("--keep",), 1)])  # kept, but none was started yet
def test_its_local_aws_ends_and_one_line_is_said(
    arguments: tuple[str, ...],
    ended: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Any,
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    downs: list[object] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLIPWAY_STAGES", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["demo", *arguments])
    monkeypatch.setattr(demo, "_run", interrupted)
    monkeypatch.setattr(demo, "down", downs.append)
    assert demo.main() == 130
    assert len(downs) == ended
    assert capsys.readouterr().err == "stopped; nothing of the demo runs in an account, or bills\n"
