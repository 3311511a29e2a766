"""Docs, help texts and messages name make targets, which need no activated environment."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULE = re.compile(r"(?<![/\w])python3? -m ([\w.]+)")  # not .venv/bin/python


def _files(*patterns: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


def _targets() -> set[str]:
    """Modules that make targets run."""
    return set(re.findall(r"\$\(PY\) -m ([\w.]+)", (ROOT / "Makefile").read_text()))


@pytest.mark.parametrize("path", _files("*.md"))
def test_commands_in_docs_run_on_macos_too(path: str) -> None:
    """BSD's date, base64 and sed lack these options: date(1), base64(1) and sed(1) of FreeBSD."""
    gnu = re.compile(r"\b(?:date\b[^)|\n]* -d|base64 (?:-w|--wrap)|sed -i |readlink -f|grep -P|stat -c)")
    assert gnu.findall((ROOT / path).read_text()) == []


@pytest.mark.parametrize("path", _files("*.md"))
def test_docs_name_make_targets(path: str) -> None:
    assert MODULE.findall((ROOT / path).read_text()) == []


def test_code_names_the_make_target_of_a_module_that_has_one() -> None:
    named = {
        (path, module)
        for path in _files("*.py", "*.yaml", "*.sh", ":!tests/")
        for module in MODULE.findall((ROOT / path).read_text())
    }
    assert {each for each in named if each[1] in _targets()} == set()
