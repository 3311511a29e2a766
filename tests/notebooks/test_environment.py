"""The notebook's environment: the versions that the repository is tested with, each held to its hash."""

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "train_and_deploy.ipynb"
# Where a module is called otherwise.
PACKAGES = {"PIL": "pillow", "sagemaker": "sagemaker-train", "sklearn": "scikit-learn", "yaml": "pyyaml"}


def _pins(lock: str) -> dict[str, str]:
    found = re.findall(r"^([a-z0-9_.-]+)==([^ ;]+)", (ROOT / lock).read_text(), re.MULTILINE)
    return dict(found)


def test_every_package_has_the_version_of_the_repository() -> None:
    ours, tested = _pins("notebooks/requirements.txt"), _pins("requirements-dev.txt")
    assert {name: version for name, version in ours.items() if tested.get(name) != version} == {}


def test_every_package_has_a_hash() -> None:
    text = (ROOT / "notebooks" / "requirements.txt").read_text()
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)
    assert [block.split()[0] for block in blocks if block.strip() and "--hash=sha256:" not in block] == []


def _asked() -> set[str]:
    return set(re.findall(r"^[a-z].*$", (ROOT / "notebooks" / "requirements.in").read_text(), re.MULTILINE))


def _imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)  # each may be a module too


def _others() -> set[str]:
    """Top-level modules that are neither ours nor Python's, and that the notebook and what it calls of ours import."""
    cells = [cell["source"] for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    lines = [line for cell in cells for line in "".join(cell).splitlines() if not line.startswith("%")]
    waiting, seen, others = list(_imported("\n".join(lines))), set(), set()
    while waiting:
        if (module := waiting.pop()) in seen:
            continue
        seen.add(module)
        top, *_ = parts = module.split(".")
        if not (ROOT / top).is_dir():
            others.add(top)
        path = ROOT.joinpath(*parts)
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                waiting += _imported(file.read_text())
    return others - sys.stdlib_module_names


def test_it_asks_for_what_the_notebook_and_its_modules_import_and_nothing_else() -> None:
    others = _others()
    assert {"sagemaker", "yaml", "sklearn"} <= others  # of a cell, of a later cell, of a module of ours
    assert _asked() == {PACKAGES.get(module, module) for module in others} | {"ipykernel"}  # the kernel itself


def test_what_it_asks_for_is_in_the_lock() -> None:
    assert _asked() <= set(_pins("notebooks/requirements.txt"))
