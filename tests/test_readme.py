"""README and the pages of docs/ have their two commands, settings and links; test_commands.py has the commands."""

import re
from pathlib import Path

import pytest

from settings import Settings

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def test_readme_is_one_screen_with_the_two_commands() -> None:
    text = README.read_text()
    assert len(text.splitlines()) <= 80
    assert re.search(r"^make demo ", text, re.MULTILINE)
    assert re.search(r"^make test ", text, re.MULTILINE)


def test_every_command_of_readme_is_a_make_target_or_aws_s_own() -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    assert lines
    assert [line for line in lines if line and not line.startswith(("make ", "aws "))] == []


def test_the_settings_to_set_first_exist() -> None:
    text = (ROOT / "docs" / "deploying.md").read_text()
    table = text.partition("a project sets first:")[2].partition("\n\n[")[0]
    named = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row)}
    assert named
    assert named <= set(Settings.model_fields)


@every_page
def test_a_link_leads_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)", page.read_text()):
        file = page.parent / target if target else page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def test_the_index_of_the_pages_has_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    decisions = (ROOT / "docs" / "decisions" / "README.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index
    for page in (ROOT / "docs" / "decisions").glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in decisions
