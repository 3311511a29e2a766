"""`make load` resumes auto-scaling whichever signal ends it."""

import asyncio
import os
import signal
from typing import Any

import pytest

from tools.load import __main__ as command


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_it_lets_scaling_go_on(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    resumed: list[bool] = []

    async def run(*_: Any) -> int:
        try:
            os.kill(os.getpid(), number)
            await asyncio.sleep(600)
        finally:
            resumed.append(True)
        return 0

    monkeypatch.setattr(command, "_run", run)
    before = signal.signal(number, signal.default_int_handler)  # these tests may run in the background, or under nohup
    try:
        assert command.main([]) == 130
    finally:
        signal.signal(number, before)
    assert resumed == [True]


def test_a_search_whose_lowest_rate_is_above_its_highest_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["--lowest", "100", "--highest", "10"])
    assert ended.value.code == 2
    assert "--lowest 100 is above --highest 10" in capsys.readouterr().err


def test_a_hang_up_that_nohup_has_it_ignore_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(*_: Any) -> int:
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.sleep(0.05)
        return 0

    monkeypatch.setattr(command, "_run", run)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert command.main([]) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
