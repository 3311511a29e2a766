"""training/lock.txt, all that EC2 training installs: it has what the program imports, and what that needs."""

import ast
import re
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires, version
from pathlib import Path
from sys import stdlib_module_names

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
OURS = ("training", "serving")
# What the instance runs, and what that runs as a program of its own.
STARTED = ("training.__main__", "training.quantise")
OPTIONAL = {"rich"}  # draws the bar on a terminal; in a log, and without it, there are lines
OF_A_GPU = ("cuda-", "nvidia-", "triton")  # PyTorch from PyPI, here; its CPU wheels need none
INSTANCE = {
    "sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64", "os_name": "posix",
    "implementation_name": "cpython", "platform_python_implementation": "CPython",
    "python_version": "3.12", "python_full_version": "3.12.0", "extra": "",
}  # fmt: skip


@pytest.fixture(scope="module")
def lock() -> str:
    return (ROOT / "training" / "lock.txt").read_text().replace("\\\n", " ")


@pytest.fixture(scope="module")
def locked(lock: str) -> dict[str, str]:
    """Versions by name."""
    return dict(re.findall(r"^([\w.-]+)(?:==| @ \S*/\w+-)([\d.]+)", lock, re.MULTILINE))


def test_the_lock_has_the_versions_of_this_environment_and_hashes_of_each(lock: str, locked: dict[str, str]) -> None:
    assert locked == {name: version(name).partition("+")[0] for name in locked}
    assert lock.count("%2Bcpu") == 2
    entries = [line for line in lock.splitlines() if not line.startswith("#")]
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert len(entries) == len(locked)


def test_it_has_every_package_that_the_program_imports(locked: dict[str, str]) -> None:
    distributions = packages_distributions()
    imported = {canonicalize_name(distributions[name][0]) for name in _packages(*STARTED)}
    assert {"torch", "torchvision", "numpy", "pillow", "onnxruntime", "openvino"} <= imported
    assert imported - locked.keys() == OPTIONAL


def test_it_has_every_package_that_one_of_it_requires(locked: dict[str, str]) -> None:
    needed = [
        (name, canonicalize_name(requirement.name), requirement.specifier)
        for name in locked
        for requirement in map(Requirement, requires(name) or [])
        if requirement.marker is None or requirement.marker.evaluate(INSTANCE)
        if not requirement.name.startswith(OF_A_GPU)
    ]
    assert len(needed) > 10
    assert [
        f"{name} requires {other}{versions}"
        for name, other, versions in needed
        if other not in locked or not versions.contains(locked[other])
    ] == []


def _packages(*started: str) -> set[str]:
    """The packages of others that these modules import, with the modules of ours that they import."""
    modules, found, packages = list(started), set(started), set()
    while modules:
        for name in _imports(modules.pop()):
            if name.partition(".")[0] not in OURS:
                packages.add(name.partition(".")[0])
            elif name not in found and _file(name).exists():
                found.add(name)
                modules.append(name)
    return packages - stdlib_module_names


def _imports(module: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(_file(module).read_text())):
        match node:
            case ast.Import():
                yield from (name.name for name in node.names)
            case ast.ImportFrom(module=str(package)):
                yield package
                yield from (f"{package}.{name.name}" for name in node.names)


def _file(module: str) -> Path:
    return (ROOT / module.replace(".", "/")).with_suffix(".py")
