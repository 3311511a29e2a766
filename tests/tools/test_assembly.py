"""The app is synthesized by running it, which gives what `cdk synth` gives a second sooner."""

import filecmp
from pathlib import Path

import pytest

from tools import cdk
from tools.assembly import synthesize
from tools.cdk import CdkFailed


def files(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_the_app_is_the_one_that_the_command_line_synthesizes(tmp_path: Path) -> None:
    settings = {"stage": "prod", "notebook": "true"}
    cdk.run("synth", "--quiet", "--output", str(tmp_path), context=settings, on_line=lambda _: None)
    app = synthesize(settings)
    assert files(app.folder) == files(tmp_path)
    _, different, unread = filecmp.cmpfiles(app.folder, tmp_path, files(tmp_path), shallow=False)
    assert (different, unread) == ([], [])


def test_an_app_that_fails_ends_with_its_own_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import sys; print('advice'); sys.exit('a construct is wrong')")
    monkeypatch.setattr(cdk, "ROOT", tmp_path)
    with pytest.raises(CdkFailed, match=r"^advice\na construct is wrong$"):
        synthesize({})
