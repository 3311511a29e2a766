"""`make cost`: output, comparison with a revision, and error messages."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from iam.revision import RevisionError
from tests.tools.cost.conftest import endpoint
from tools.assembly import SynthesizedApp
from tools.cost import __main__ as command


def _write(folder: Path, instances: int, type_: str = "ml.m5.large") -> Path:
    """Write an app of one stack as `cdk synth` does."""
    folder.mkdir()
    template = endpoint({"InstanceType": type_, "InitialInstanceCount": instances})
    if not instances:
        del template["Resources"]["Endpoint"]
    (folder / "template.json").write_text(json.dumps(template))
    artifact = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "template.json"}}
    (folder / "manifest.json").write_text(json.dumps({"artifacts": {"a-b-serving": artifact}}))
    return folder


@pytest.fixture(autouse=True)
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, str]]:
    """App with two instances now and one at the revision "main"; none else exists. Returns what is asked of it."""
    asked: list[Mapping[str, str]] = []
    now, before = _write(tmp_path / "now", 2), _write(tmp_path / "before", 1)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)

    @contextmanager
    def synthesized(revision: str, given: Mapping[str, str]) -> Iterator[Path]:
        asked.append(given)
        if revision != "main":
            raise RevisionError(f"git archive: {revision} is not a revision")
        yield before

    off = _write(tmp_path / "off", 0)
    monkeypatch.setattr(
        command,
        "synthesize",
        lambda given: SynthesizedApp(off if given.get("endpoint") == "off" else now, ["a-b-serving"]),
    )
    monkeypatch.setattr(command, "synthesized", synthesized)
    return asked


def test_the_table_says_how_each_amount_comes_about_and_what_is_assumed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--predictions", "1000000"]) == 0
    said = capsys.readouterr().out
    assert "167.90" in said
    assert "1,000,000 predictions a month" in said
    assert "sagemaker 2026-11" in said


def test_json_has_the_amounts_unrounded(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--json", "--predictions", "1048576", "--image-kib", "1"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["totals"]["a month"] == pytest.approx(167.90 + 0.016)
    assert result["totals"]["1,000 predictions"] == pytest.approx((167.90 + 0.016) / 1048.576)
    assert result["usage"]["image_kib"] == 1


def test_beside_a_revision_the_comment_has_what_changed_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--base", "main", "--markdown"]) == 0
    said = capsys.readouterr().out
    assert "| serving | endpoint instances | 2 × ml.m5.large × 730 h × 0.115 $ | 83.95 | 167.90 | +83.95 |" in said
    assert "endpoint data" not in said
    assert "| a month | 84.10 | 168.05 | +83.95 |" in said


def test_beside_a_revision_json_has_both_amounts(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--base", "main", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["items"][0]["month_before"], result["items"][0]["month"]) == (83.95, 167.9)
    assert result["totals_before"]["a month"] < result["totals"]["a month"]


def test_the_revision_is_of_the_same_stage(asked: list[Mapping[str, str]]) -> None:
    assert command.main(["--base", "main", "-c", "stage=prod"]) == 0
    assert asked == [{"stage": "prod"}]


@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_predictions_have_to_be_some(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--predictions", value])
    assert "not a number above 0" in capsys.readouterr().err


def test_an_unknown_revision_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--base", "mian"]) == 1
    assert capsys.readouterr().err == "error: git archive: mian is not a revision\n"


def test_an_instance_type_without_a_price_is_named_with_the_fix_below_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = _write(tmp_path / "other", 1, "ml.x9.huge")
    monkeypatch.setattr(command, "synthesize", lambda _: SynthesizedApp(other, ["a-b-serving"]))
    assert command.main([]) == 1
    said = capsys.readouterr().out
    assert "Not counted: serving, Endpoint: no price of an hour of ml.x9.huge in aws/prices.yaml: add" in said
    assert "a month, at least" in said


def test_the_region_is_the_argument_s_or_the_environment_s(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert command.main([]) == 0
    said = capsys.readouterr().out
    assert "Dollars a month, eu-west-1" in said and "186.88" in said and "sagemaker 2023-12" in said
    assert command.main(["--region", "us-east-1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["region"] == "us-east-1"


def test_the_environment_s_region_may_be_its_profile_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\nregion = us-west-2\n[profile prod]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    for profile, region in (("prod", "eu-west-1"), ("gone", "us-east-1")):
        monkeypatch.setenv("AWS_PROFILE", profile)
        assert command.main(["--json"]) == 0
        assert json.loads(capsys.readouterr().out)["region"] == region


def test_a_region_without_prices_is_one_line_before_anything_is_synthesized(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "synthesize", lambda _: pytest.fail("synthesized"))
    assert command.main(["--region", "eu-north-1"]) == 1
    assert capsys.readouterr().err.startswith(
        "error: no prices for eu-north-1 in aws/prices.yaml, which has us-east-1,"
    )
