"""The app is synthesized by running it, into a folder that goes with its process, however that ends."""

import filecmp
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tools import assembly, cdk
from tools.assembly import synthesize
from tools.cdk import CdkFailed


def files(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_the_app_is_the_one_that_the_command_line_synthesizes(tmp_path: Path) -> None:
    """In half the time."""
    settings = {"stage": "prod", "notebook": "true"}
    cdk.run("synth", "--quiet", "--output", str(tmp_path), context=settings, on_line=lambda _: None)
    app = synthesize(settings)
    assert files(app.folder) == files(tmp_path)
    compared = files(tmp_path) - {"validation-report.json"}  # which a deploy does not read
    _, different, unread = filecmp.cmpfiles(app.folder, tmp_path, compared, shallow=False)
    assert (different, unread) == ([], [])


def test_the_iam_gate_looks_all_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A role that the contract does not have: `iam/contract.yaml` without the one that reads images in S3."""
    copy = tmp_path / "repository"
    others = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "out", "cdk.out")  # write there meanwhile
    shutil.copytree(cdk.ROOT, copy, symlinks=True, ignore=others)
    (copy / "node_modules").symlink_to(cdk.ROOT / "node_modules")
    contract = copy / "iam" / "contract.yaml"
    lines = contract.read_text().splitlines(keepends=True)
    contract.write_text("".join(line for line in lines if "invoke the endpoint; its name follows" not in line))
    monkeypatch.setattr(cdk, "ROOT", copy)
    with pytest.raises(CdkFailed, match="sagemaker:InvokeEndpoint"):
        synthesize({})


def test_an_app_that_fails_ends_with_its_own_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import sys; print('advice'); sys.exit('a construct is wrong')")
    monkeypatch.setattr(cdk, "ROOT", tmp_path)
    with pytest.raises(CdkFailed, match=r"^advice\na construct is wrong$"):
        synthesize({})


def test_what_a_killed_process_left_is_removed_and_what_others_use_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(assembly, "load", lambda _: {"slipway-dev-storage": {}})
    monkeypatch.setattr(cdk, "synthesize", lambda *_: None)
    dead = subprocess.Popen(["true"])
    dead.wait()
    left = [tmp_path / f"slipway-cdk-{dead.pid}-abc", tmp_path / "slipway-cdk-oldstyle"]
    used = [tmp_path / f"slipway-cdk-{os.getppid()}-abc", tmp_path / "another"]
    for each in (*left, *used):
        each.mkdir()
        (each / "file").touch()

    made = synthesize({})

    assert [each for each in left if each.exists()] == []
    assert all(each.exists() for each in (*used, made.folder))
