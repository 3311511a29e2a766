"""`make release`, in a repository of its own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CHANGES = "# Changelog\n\n## [Unreleased]\n\n- A thing.\n\n## [0.1.0] - 2026-01-01\n\n- The first.\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository without the git configuration of a user, who may sign commits or have hooks."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "slipway"\nversion = "0.1.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGES)
    _git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    _git(tmp_path, "config", "user.name", "tester")
    _git(tmp_path, "config", "user.email", "tester@example.org")
    _commit(tmp_path)
    return tmp_path


def _git(repository: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=repository, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _commit(repository: Path) -> None:
    _git(repository, "add", "--all")
    _git(repository, "commit", "--quiet", "--message", "all")


def _release(repository: Path, version: str = "0.2.0", tests: str = "true") -> subprocess.CompletedProcess[str]:
    """Run the target with this environment's uv; `tests` stands for the `make` of `make test-all`."""
    uv = Path(sys.executable).parent / "uv"
    command = [
        "make",
        "release",
        f"VERSION={version}",
        f"MAKE={tests}",
        f"UV={uv}",
        "VENV=venv",
        "PACKAGES=venv/.packages",
        "ENVIRONMENT=venv/.packages",  # it is set up
    ]
    (repository / "venv").mkdir(exist_ok=True)
    (repository / "venv" / ".packages").touch()
    (repository / "venv" / ".gitignore").write_text("*\n")
    return subprocess.run(command, cwd=repository, capture_output=True, text=True)


def test_it_bumps_the_version_dates_the_changes_commits_and_tags(repository: Path) -> None:
    done = _release(repository)
    assert done.returncode == 0, done.stderr
    assert 'version = "0.2.0"' in (repository / "pyproject.toml").read_text()
    changes = (repository / "CHANGELOG.md").read_text()
    assert re.search(r"## \[Unreleased\]\n\n## \[0\.2\.0\] - \d{4}-\d\d-\d\d\n\n- A thing\.", changes)
    assert _git(repository, "log", "--format=%s", "-1") == "Release 0.2.0"
    assert _git(repository, "rev-list", "-n1", "v0.2.0") == _git(repository, "rev-parse", "HEAD")
    assert _git(repository, "status", "--porcelain") == ""


def _on_a_branch(repository: Path) -> None:
    _git(repository, "switch", "--quiet", "--create", "work")


def _uncommitted(repository: Path) -> None:
    (repository / "new").touch()


def _tagged(repository: Path) -> None:
    _git(repository, "tag", "v0.2.0")


def _unchanged(repository: Path) -> None:
    (repository / "CHANGELOG.md").write_text(CHANGES.replace("- A thing.\n\n", ""))
    _commit(repository)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_on_a_branch, "git switch main"),
        (_uncommitted, "commit or stash"),
        (_tagged, "v0.2.0 exists"),
        (_unchanged, "nothing under Unreleased"),
    ],
)
def test_it_refuses_what_cannot_be_released_and_changes_nothing(repository: Path, spoil, said: str) -> None:  # type: ignore[no-untyped-def]
    spoil(repository)
    before = _git(repository, "rev-parse", "HEAD")
    done = _release(repository)
    assert done.returncode != 0
    assert said in done.stderr
    assert _git(repository, "rev-parse", "HEAD") == before
    assert 'version = "0.1.0"' in (repository / "pyproject.toml").read_text()


def test_failing_tests_release_nothing(repository: Path) -> None:
    assert _release(repository, tests="false").returncode != 0
    assert 'version = "0.1.0"' in (repository / "pyproject.toml").read_text()


def test_it_asks_for_the_version(repository: Path) -> None:
    assert "VERSION=0.2.0" in _release(repository, version="").stderr
    done = _release(repository, version="next")
    assert done.returncode != 0
    assert "VERSION=next is not a version" in done.stderr
