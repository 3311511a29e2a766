"""Every tool answers a misspelt setting with the same sentence, before it does anything else."""

import importlib
import os
import sys

import pytest

from tests.shown_commands import TAKE_SETTINGS

TOOLS = {
    "deploy": ("tools.deploy.__main__",),
    "preflight": ("tools.deploy.preflight.__main__",),
    "live": ("tools.deploy.check",),
    "destroy": ("tools.deploy.destroy", "--yes"),
    "weights": ("tools.deploy.weights", "resnet50"),
    "upload": ("tools.dataset.__main__", "upload", "photos"),
    "classify": ("tools.classify", "cat.jpg"),
    "score": ("tools.score.__main__", "photos"),
    "demo": ("tools.demo.__main__",),
    "load": ("tools.load.__main__",),
    "capacity": ("tools.capacity.__main__",),
    "try": ("tools.page.__main__",),
    "report": ("tools.report.__main__",),
    "cost": ("tools.cost.__main__",),
    "notebook": ("notebooks.__main__",),
    "prove": ("tools.prove.__main__",),
    "review": ("tools.review", "main"),
    "iam": ("tools.permissions", "check", "cdk.out"),
    "iam-diff": ("tools.permissions", "diff", "main", "cdk.out"),
    "deployer-policy": ("tools.deployer_policy.__main__",),
}
OTHERS = {"sleep", "wake"} | {"cdk", "diff", "synth"}  # of the first two the tool is deploy's, of the others the CDK's


def test_no_target_that_takes_settings_is_left_out() -> None:
    assert TOOLS.keys() | OTHERS == TAKE_SETTINGS


@pytest.mark.parametrize("tool", TOOLS)
def test_a_misspelt_setting_is_told_with_the_one_that_was_meant(
    tool: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLIPWAY_STAGES", os.devnull)  # demo and prove set it
    module, *arguments = TOOLS[tool]
    monkeypatch.setattr(sys, "argv", [tool, *arguments, "--settings", "stagee=prod"])
    assert importlib.import_module(module).main() == 1
    assert capsys.readouterr().err == "error: stagee is not a setting: did you mean stage?\n"
