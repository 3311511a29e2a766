"""The notebook's environment: the versions that the repository is tested with, each held to its hash."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


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


def test_it_has_what_the_notebook_imports() -> None:
    asked = (ROOT / "notebooks" / "requirements.in").read_text().splitlines()
    assert {line for line in asked if not line.startswith("#")} <= set(_pins("notebooks/requirements.txt"))
