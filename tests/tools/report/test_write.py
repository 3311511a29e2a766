"""`make report`, and the report at the end of a deploy, which it must never fail."""

from pathlib import Path

import pytest

from settings import read_settings
from tests.tools.report.conftest import DeployedStandIn
from tools.report import __main__ as command
from tools.report import write as module
from tools.report.write import report_line


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in (module, command):
        monkeypatch.setattr(each, "require_aws", lambda: ("000000000000", "us-east-1"))


def test_it_writes_the_file_and_names_it(
    aws: DeployedStandIn, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert command.main([]) == 0
    assert capsys.readouterr().out == "Report: out/report.html\n"
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_without_a_deployment_it_is_an_error_and_an_earlier_report_stays(
    aws: DeployedStandIn, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "kept.html").write_text("earlier")
    aws.stacks.clear()
    assert command.main(["--out", str(tmp_path / "kept.html")]) == 1
    assert "error: no stack slipway-dev-serving" in capsys.readouterr().err
    assert (tmp_path / "kept.html").read_text() == "earlier"


def test_after_a_deploy_it_is_one_line(aws: DeployedStandIn) -> None:
    assert report_line(read_settings({})) == "Report: out/report.html"


@pytest.mark.parametrize("error", [KeyError("metrics"), OSError(28, "No space left on device", "out"), ValueError()])
def test_after_a_deploy_whatever_goes_wrong_is_said_and_is_no_error(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(module, "read_content", fail)
    line = report_line(read_settings({"stage": "prod"}))
    assert line.startswith("Report: not made: ")
    assert line.endswith('(make report SETTINGS="stage=prod" tries again)')
    assert len(line.splitlines()) == 1
