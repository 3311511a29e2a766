"""Every tool answers a misspelt setting with the same sentence, before it does anything else."""

import importlib
import sys

import pytest

TOOLS = {
    "deploy": ("tools.deploy.__main__",),
    "live": ("tools.deploy.check",),
    "destroy": ("tools.deploy.destroy", "--yes"),
    "weights": ("tools.deploy.weights", "resnet50"),
    "upload": ("tools.dataset.__main__", "upload", "photos"),
    "demo": ("tools.demo.__main__",),
    "load": ("tools.load.__main__",),
    "capacity": ("tools.capacity.__main__",),
    "try": ("tools.page.__main__",),
    "report": ("tools.report.__main__",),
    "cost": ("tools.cost.__main__",),
    "notebook": ("notebooks.__main__",),
}


@pytest.mark.parametrize("tool", TOOLS)
def test_a_misspelt_setting_is_told_with_the_one_that_was_meant(
    tool: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module, *arguments = TOOLS[tool]
    monkeypatch.setattr(sys, "argv", [tool, *arguments, "--settings", "stagee=prod"])
    assert importlib.import_module(module).main() == 1
    assert capsys.readouterr().err == "error: stagee is not a setting: did you mean stage?\n"
