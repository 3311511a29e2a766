"""The first line of a docstring stands alone: it begins with what it is about, not with a subordinate clause."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_REFUSED = re.compile(r"(What|Which|Whether|How|Of|Those|So|Whose|Who|Why|Inside|Args)\b")


def _refused(source: str) -> list[tuple[int, str]]:
    """Line number and first line of each docstring that begins with a refused word."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = (ast.get_docstring(node) or "").partition("\n")[0]
            if _REFUSED.match(first):
                found.append((getattr(node, "lineno", 1), first))
    return found


@pytest.mark.parametrize("first", ["Why it fails.", "Inside, it is connected.", "\n    Args:\n        a: one."])
def test_a_first_line_that_needs_another_is_found(first: str) -> None:
    assert _refused(f'def function():\n    """{first}"""\n') == [(1, first.strip().partition("\n")[0])]


def test_a_docstring_begins_with_a_verb_or_a_noun() -> None:
    files = subprocess.run(["git", "ls-files", "-z", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    names = [name for name in files.stdout.split("\0") if name and (ROOT / name).exists()]
    assert names
    found = [f"{name}:{line}: {first}" for name in names for line, first in _refused((ROOT / name).read_text())]
    assert found == []
