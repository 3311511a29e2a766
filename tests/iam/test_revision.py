"""The app at a git revision is synthesized by its own code, for the app and stage that it is compared with."""

import json
import subprocess
from pathlib import Path

import pytest

from iam import revision

# Writes the context that it was given, as the real one writes templates.
APP = """
import os
from pathlib import Path

out = Path(os.environ["CDK_OUTDIR"])
out.mkdir()
(out / "context").write_text(os.environ["CDK_CONTEXT_JSON"])
"""


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments], cwd=folder, check=True)


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository of two commits; the tag `first` is the first one's."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "app.py").write_text(APP)
    _git(folder, "init", "--quiet")
    _git(folder, "add", "app.py")
    _git(folder, "commit", "--quiet", "--message", "One")
    _git(folder, "tag", "first")
    _git(folder, "commit", "--quiet", "--allow-empty", "--message", "Two")
    monkeypatch.setattr(revision, "ROOT", folder)
    return folder


def test_app_and_stage_are_those_that_it_is_compared_with_and_other_settings_its_own() -> None:
    with revision.synthesized("first", {"app": "shop", "stage": "prod", "epochs": "2"}) as folder:
        assert json.loads((folder / "context").read_text()) == {"app": "shop", "stage": "prod"}
    assert not folder.exists()


def test_a_revision_that_a_shallow_clone_lacks_comes_with_the_command_that_gets_it(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _git(tmp_path, "clone", "--quiet", "--depth", "1", repository.as_uri(), "shallow")
    monkeypatch.setattr(revision, "ROOT", tmp_path / "shallow")
    fix = "fetch it first: git fetch origin first"
    with pytest.raises(revision.RevisionError, match=fix), revision.synthesized("first", {}):
        pass
    _git(tmp_path / "shallow", "fetch", "--quiet", "origin", "first")
    with revision.synthesized("FETCH_HEAD", {}) as folder:
        assert (folder / "context").exists()
