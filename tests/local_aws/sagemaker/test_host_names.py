"""Names of a training job's instances are in their hosts file at once, or after a time."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from local_aws import doubts
from local_aws.sagemaker import host_names
from local_aws.sagemaker.host_names import HostNames


@pytest.mark.parametrize("late", [False, True])
def test_names_are_in_the_file_at_once_or_late(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, late: bool) -> None:
    timer: Any = Mock()
    monkeypatch.setattr(host_names.threading, "Timer", timer)
    monkeypatch.setenv(doubts.VARIABLE, "hosts-late" if late else "")
    HostNames(tmp_path / "hosts", ["algo-1", "algo-2"])

    def names() -> list[str]:
        return [line.split()[1] for line in (tmp_path / "hosts").read_text().splitlines() if "algo-" in line]

    assert names() == ([] if late else ["algo-1", "algo-2"])
    for started in timer.call_args_list:
        started.args[1]()
    assert names() == ["algo-1", "algo-2"]
    assert timer.return_value.start.called == late
