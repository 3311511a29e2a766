"""A command that a page or a message shows works wherever it is pasted; tests/e2e/test_commands.py runs each.

Makefile and AWS's models are asked in test_make_commands.py and test_aws_commands.py.
"""

import ast
import itertools
import re

import pytest

from tests.shown_commands import MAKEFILE, ROOT, ShownCommand, each_of, everywhere, files, of_messages, of_pages, pages

# What GNU's programs have and those of BSD, macOS's among them, lack or understand otherwise.
GNU = (
    r"base64 (-w|--wrap)|base64 [^<|&;-]|date[^|;)]* (-d|--date)|sed -i |readlink -f|grep -P|xargs -r|sha256sum|stat -c"
)


@pytest.mark.parametrize("page", pages())
def test_a_file_that_is_named_exists(page: str) -> None:
    folders = "|".join({file.partition("/")[0] for file in files() if "/" in file})
    text = (ROOT / page).read_text()
    named = re.findall(rf"`((?:{folders})/[\w./*-]*)(?:::\w+)?`", text)
    assert [name for name in named if not list(ROOT.glob(name.rstrip("/")))] == []


def test_a_path_in_a_command_of_a_message_is_quoted() -> None:
    """A folder's name may have spaces: the command has to work where it is pasted."""
    loose = [
        f"{file}:{part.lineno}"
        for file in files("*.py", ":!tests/")
        for node in ast.walk(ast.parse((ROOT / file).read_text()))
        if isinstance(node, ast.JoinedStr)
        for text, part in itertools.pairwise(node.values)
        if isinstance(text, ast.Constant) and re.search(r"\b(DATA|FILE|IMAGE|OUT)=$", str(text.value))
        if "quote(" not in ast.unparse(part)
    ]
    assert loose == []


def test_a_command_works_whatever_is_installed_beside_the_project() -> None:
    """Without an activated environment, and with the Node that comes with the packages."""
    modules = set(re.findall(r"\$\(PY\) -m ([\w.]+)", MAKEFILE))  # that have a target
    pages = [each for each in of_pages() if re.search(r"(?<![/\w])(python3?|npx|pip) ", each.text)]
    code = [
        each for each in of_messages() if (found := re.match(r"python3? -m (\S+)", each.text)) and found[1] in modules
    ]
    assert list(map(str, [*pages, *code])) == []


def test_the_cdk_s_commands_are_given_by_make() -> None:
    """`cdk deploy` names what the CDK does; its options take the CDK of this folder."""
    named = r"cdk (bootstrap|deploy( --all|)|destroy|diff|synth|issue)|cdk deploy -c name=value"
    bare = [each for each in everywhere() if re.match(r"(npx )?cdk ", each.text)]
    assert [str(each) for each in bare if not re.fullmatch(named, each.text)] == []


@each_of(everywhere())
def test_it_is_not_for_gnu_s_programs_alone(command: ShownCommand) -> None:
    assert not re.search(GNU, command.text)


@pytest.mark.parametrize("command", ["base64 -w0 cat.jpg", "base64 cat.jpg", "date -u -d tomorrow +%F"])
def test_what_gnu_alone_has_is_recognised(command: str) -> None:
    assert re.search(GNU, command)
