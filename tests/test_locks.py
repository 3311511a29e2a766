"""Locks are up to date with what they are compiled from: `make lock`, forgotten, fails here, and before a commit."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def _in_file(path: str) -> list[str]:
    return [line for line in (ROOT / path).read_text().splitlines() if line and not line.startswith("#")]


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _locked(lock: str) -> dict[str, list[str]]:
    """Versions in a lock by package; several where it depends on the Python."""
    locked: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)(?:\[.*?\])?==([^\s;\\]+)", (ROOT / lock).read_text(), re.MULTILINE):
        locked.setdefault(_normalised(name), []).append(version)
    return locked


@pytest.mark.parametrize(
    ("lock", "asked"),
    [
        ("requirements.txt", PROJECT["dependencies"]),
        ("requirements-dev.txt", PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]),
        ("notebooks/requirements.txt", _in_file("notebooks/requirements.in")),
        ("serving/requirements.txt", _in_file("serving/requirements.in")),
        ("training/wheels.txt", _in_file("training/wheels.in")),
    ],
)
def test_a_lock_has_a_version_that_was_asked_for(lock: str, asked: list[str]) -> None:
    locked = _locked(lock)
    missing = [
        text
        for text in asked
        for wanted in [Requirement(text)]
        if not any(map(wanted.specifier.contains, locked.get(_normalised(wanted.name), [])))
    ]
    assert not missing, f"{lock} is out of date: run make lock"


@pytest.mark.parametrize("lock", ["serving/requirements.txt", "training/wheels.txt"])
def test_what_runs_in_a_container_has_the_versions_that_are_tested_here(lock: str) -> None:
    here = _locked("requirements-dev.txt")
    others = {name: versions for name, versions in _locked(lock).items() if not {*versions} <= {*here.get(name, [])}}
    assert not others, f"{lock} is out of date: run make lock"


def test_the_lock_of_npm_has_what_package_json_asks_for_and_names_no_registry() -> None:
    asked = json.loads((ROOT / "package.json").read_text())["devDependencies"]
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert packages[""]["devDependencies"] == asked, "package-lock.json is out of date: run make lock"
    assert {name: packages[f"node_modules/{name}"]["version"] for name in asked} == asked
    assert not any("resolved" in package for package in packages.values()), "it would name the author's registry"


def test_a_commit_that_touches_a_lock_runs_the_tests_of_all_locks() -> None:
    [hooks] = [each["hooks"] for each in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]]
    [hook] = [each for each in hooks if each["id"] == "locks"]
    assert hook["entry"].split()[-2:] == ["tests/test_locks.py", "tests/training/test_lock.py"]
    for lock in ("requirements-dev.txt", "package-lock.json", "training/wheels.txt", "training/lock.txt"):
        assert re.search(hook["files"], lock)
