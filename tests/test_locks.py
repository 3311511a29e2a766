"""Locks are up to date with what they are compiled from: `make lock`, forgotten, fails here, and before a commit."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def _in_file(path: str) -> list[str]:
    return [line for line in (ROOT / path).read_text().splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize(
    ("lock", "asked"),
    [
        ("requirements.txt", PROJECT["dependencies"]),
        ("requirements-dev.txt", PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]),
        ("notebooks/requirements.txt", _in_file("notebooks/requirements.in")),
        ("serving/code/lock.txt", _in_file("serving/requirements.in")),
    ],
)
def test_a_lock_has_a_version_that_was_asked_for(lock: str, asked: list[str]) -> None:
    locked: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)(?:\[.*?\])?==([^\s;\\]+)", (ROOT / lock).read_text(), re.MULTILINE):
        locked.setdefault(re.sub(r"[-_.]+", "-", name).lower(), []).append(version)
    missing = [
        text
        for text in asked
        for wanted in [Requirement(text)]
        if not any(map(wanted.specifier.contains, locked.get(re.sub(r"[-_.]+", "-", wanted.name).lower(), [])))
    ]
    assert not missing, f"{lock} is out of date: run make lock"


def test_the_lock_of_npm_has_what_package_json_asks_for_and_names_no_registry() -> None:
    asked = json.loads((ROOT / "package.json").read_text())["devDependencies"]
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert packages[""]["devDependencies"] == asked, "package-lock.json is out of date: run make lock"
    assert {name: packages[f"node_modules/{name}"]["version"] for name in asked} == asked
    assert not any("resolved" in package for package in packages.values()), "it would name the author's registry"
