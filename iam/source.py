"""Find the source line of a statement in stacks/permissions, and the file of a stack."""

import ast
from functools import lru_cache
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_FOLDER = "stacks/permissions"
FUNCTION = "function "  # before the name of a function with a policy, which stands beside the roles


def suffix(name: str) -> list[str]:
    """Words of the suffix of a stack named `<app>-<stage>-<suffix>`, or of a role, whose name ends in the region."""
    return name.removesuffix("-REGION").split("-")[2:]


def line_of(role: str, sid: str) -> str:
    """`stacks/permissions/<suffix>.py:<line>` of the statement `sid` of the role `<app>-<stage>-<suffix>-REGION`.

    The nearest that can be found: the statement, in the role's own file or among those that roles share; else the
    function that creates the role; else the folder. The policy of a resource, called by its kind and name, stands
    beside the resource.
    """
    if " " in role:
        return "stacks"
    name = "_".join(suffix(role))
    own = f"{_FOLDER}/{name}.py"
    functions, _ = _parsed(own)
    made = functions.get(f"{name}_role")
    if made is None:
        return _FOLDER
    for file in (own, f"{_FOLDER}/statements.py"):
        _, strings = _parsed(file)
        if sid and sid in strings:
            return f"{file}:{strings[sid]}"
    return f"{own}:{made}"


def source_of(stack: str) -> str:
    """File or folder of the stack named `<app>-<stage>-<suffix>`."""
    words = suffix(stack)
    return _FOLDER if words == ["roles"] else f"stacks/{'_'.join(words)}.py"


@lru_cache
def _parsed(file: str) -> tuple[dict[str, int], dict[str, int]]:
    """Line of each function, and first line of each string, of a file; both empty when it does not exist."""
    if not (_ROOT / file).is_file():
        return {}, {}
    nodes = list(ast.walk(ast.parse((_ROOT / file).read_text())))
    functions = {n.name: n.lineno for n in nodes if isinstance(n, ast.FunctionDef)}
    strings = [(n.lineno, n.value) for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return functions, {text: line for line, text in sorted(strings, reverse=True)}
