"""Where in stacks/permissions.py a statement is written."""

import ast
from functools import lru_cache
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_FILE = "stacks/permissions.py"


def line_of(role: str, sid: str) -> str:
    """`stacks/permissions.py:<line>` of the statement `sid` of the role named `<app>-<stage>-<suffix>`.

    As near as can be told: the statement, else the method that makes the role, else the file.
    """
    method = "_" + "_".join(role.split("-")[2:])
    functions, strings = _parsed()
    if method not in functions:
        return _FILE
    first, last = functions[method]
    inside = [line for text, line in strings if text == sid and first <= line <= last]
    anywhere = [line for text, line in strings if text == sid]
    return f"{_FILE}:{(inside or anywhere or [first])[0]}"


@lru_cache
def _parsed() -> tuple[dict[str, tuple[int, int]], list[tuple[str, int]]]:
    """Functions with their lines, and text constants with theirs."""
    tree = ast.parse((_ROOT / _FILE).read_text())
    nodes = list(ast.walk(tree))
    functions = {n.name: (n.lineno, n.end_lineno or n.lineno) for n in nodes if isinstance(n, ast.FunctionDef)}
    return functions, [(n.value, n.lineno) for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]
