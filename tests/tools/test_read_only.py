"""Commands that write results at their end say at their begin if they cannot: `out` is a file here."""

import importlib
import sys
from pathlib import Path

import pytest

COMMANDS = {
    "tools.capacity": ["--rate", "40", "--service-time", "50"],
    "tools.demo": [],
    "tools.load": [],
    "notebooks": [],
}


@pytest.mark.parametrize("module", COMMANDS)
def test_results_that_cannot_be_written_are_told_before_the_work(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = importlib.import_module(f"{module}.__main__")
    (tmp_path / "out").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLIPWAY_STAGES", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [module, *COMMANDS[module]])
    if module == "notebooks":
        monkeypatch.setattr(command, "_OUT", Path("out"))
    assert command.main() == 1
    said = capsys.readouterr()
    [line] = said.err.splitlines()
    assert line.startswith("error: out")
    assert line.endswith((": File exists", ": Not a directory"))
    assert said.out == ""
