"""Commands that pages, messages and help texts show, for the tests that check and run them."""

import ast
import json
import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAKEFILE = (ROOT / "Makefile").read_text()
_FOUND = re.findall(r"^([a-z-]+):(.*)\n((?:\t.*\n)*)", MAKEFILE, re.MULTILINE)
RULES = {target: (needs, recipe) for target, needs, recipe in _FOUND}
TARGETS = frozenset(RULES)
TAKE_SETTINGS = frozenset(target for target, (_, recipe) in RULES.items() if "$(CONTEXT)" in recipe) - {"templates"}

_PROGRAMS = "make|aws|cdk|npx|python3?|docker|podman|curl|git"
_FILLED_IN = "…"  # by an f-string
_VALUE = r"""(?:"[^"\n]*"|'[^'\n]*'|[^\s"'`]+)"""
_MAKE = re.compile(rf"(?<![\w-])make (?P<target>[a-z][a-z-]*)(?P<variables>(?: [A-Z_]+={_VALUE})*)")
_AWS = re.compile(
    rf"(?<![\w./-])aws [a-z][a-z0-9-]+ [a-z][a-z0-9-]+(?: [a-z][a-z-]+(?= --))?(?: --[a-z-]+(?: (?!--){_VALUE})?)*"
)
_PYTHON = re.compile(r"(?<!\w)(?<!exec )[\w./]*python3? -m [\w.]+")  # `exec` is of a script, not of a person
_CDK = re.compile(r"(?<!\w)(?:npx )?cdk [a-z]+")


@dataclass(frozen=True)
class ShownCommand:
    """A command as it is printed, and the file that prints it."""

    file: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}: {self.text}"

    @property
    def is_form(self) -> bool:
        """True if something has to be filled in before it runs."""
        return bool(re.search(r"…|<\w+>|\b(NAME|BUCKET|ACCOUNT|REPOSITORY|REVISION|OPTIONS)\b|=name\b", self.text))


def files(*patterns: str) -> list[str]:
    """Files of the working tree that git does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in listed if (ROOT / name).is_file()]


@cache
def pages() -> tuple[str, ...]:
    """Pages for users; the change log speaks of commands of the past."""
    return ("README.md", "CONTRIBUTING.md", *files("docs/*.md", "docs/**/*.md"))


def in_blocks(page: str) -> list[ShownCommand]:
    """Commands of the page's shell blocks, in order."""
    found = re.findall(r"^( *)```sh\n(.*?)^ *```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    return [
        ShownCommand(page, command)
        for indent, block in found
        for command in _split("\n".join(line.removeprefix(indent) for line in block.splitlines()))
    ]


def _split(block: str) -> Iterator[str]:
    """The commands of a block, without comments; a loop or a subshell of several lines is one."""
    text = ""
    for line in block.splitlines():
        text += re.sub(r"(^|\s+)# .*$", "", line)
        if text.endswith("\\"):
            text = text.removesuffix("\\").rstrip() + " "
        elif subprocess.run(["bash", "-n", "-c", text], capture_output=True).returncode:
            text += "\n"
        else:
            yield from [re.sub(" {2,}", " ", text.strip())] if text.strip() else []
            text = ""
    assert not text.strip(), f"not a whole command: {text}"


def in_line(page: str) -> list[ShownCommand]:
    """Commands in the page's inline code."""
    text = re.sub(r"^ *```.*?^ *```", "", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    codes = (re.sub(r"\s*\n\s*", " ", code).replace(r"\|", "|") for code in re.findall(r"`([^`]+)`", text))
    return [ShownCommand(page, code) for code in codes if re.match(rf"(\S+/)?({_PROGRAMS}) \S", code)]


@cache
def of_pages() -> tuple[ShownCommand, ...]:
    """Commands of all pages."""
    return tuple(command for page in pages() for command in (*in_blocks(page), *in_line(page)))


@cache
def of_messages() -> tuple[ShownCommand, ...]:
    """Commands in the strings of the code: messages, help texts, docstrings; and in what Makefile and scripts print."""
    texts = [(file, text) for file in files("*.py", ":!tests/") for text in _strings((ROOT / file).read_text())]
    for file in files("*.ipynb"):
        cells = ("".join(cell["source"]) for cell in json.loads((ROOT / file).read_text())["cells"])
        texts += [(file, text.replace("{", "<").replace("}", ">")) for text in cells]
    texts += [(file, (ROOT / file).read_text()) for file in files("*.yaml", "Makefile")]
    return tuple(ShownCommand(file, command) for file, text in texts for command in _in_text(text))


@cache
def everywhere() -> tuple[ShownCommand, ...]:
    """Each command once."""
    return tuple(distinct((*of_pages(), *of_messages())))


def distinct(shown: Iterable[ShownCommand]) -> list[ShownCommand]:
    """The first of those with the same text."""
    found: dict[str, ShownCommand] = {}
    for command in shown:
        found.setdefault(command.text, command)
    return list(found.values())


def _in_text(text: str) -> Iterator[str]:
    """Commands in a text, where most have no marks around them.

    `make` is an English word too: it is a command before a target, before NAME=…, after "run", and in backticks.
    """
    for match in _MAKE.finditer(text):
        before = text[: match.start()]
        if match["target"] in TARGETS or match["variables"] or before.endswith(("`", "run ")):
            yield match[0].rstrip(".,;:)")
    for pattern in (_AWS, _PYTHON, _CDK):
        yield from (match[0].rstrip(".,;:)") for match in pattern.finditer(text))


def _strings(source: str) -> Iterator[str]:
    """The strings of a Python file. A constant of the module is filled into an f-string, anything else is `…`."""
    tree = ast.parse(source)
    constants = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    parts: set[ast.AST] = set()
    texts = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = ""
            for part in node.values:
                match part:
                    case ast.Constant():
                        constant: ast.AST | None = part
                    case ast.FormattedValue(value=ast.Name(id=name)):
                        constant = constants.get(name)
                    case _:
                        constant = None
                text += str(constant.value) if isinstance(constant, ast.Constant) else _FILLED_IN
                parts |= {constant} if constant else set()
            texts.append(text)
    yield from texts
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in parts:
            yield node.value


def words_of(text: str, program: str) -> list[list[str]]:
    """The words of each call of `program` in a command, with `1` for what is to be filled in."""
    filled = re.sub(r"<\w+>|…", "1", text.replace("ARCH=…", "ARCH=resnet50").replace("OPTIONS", "--help"))
    filled = re.sub(r"\$\(\([^;]*?\)\)|\$\(date[^()]*\)", "1", filled)
    calls = [filled[match.start() :] for match in re.finditer(rf"(?<![\w./-]){program} (?=[a-zA-Z])", filled)]
    lexed = []
    for call in calls:
        lexer = shlex.shlex(call, posix=True, punctuation_chars=";&|()")
        lexer.whitespace_split, lexer.commenters = True, ""
        found: list[str] = []
        for word in lexer:
            if re.fullmatch(r"[;&|)]+", word):
                break
            found.append(word)
        lexed.append(found)
    return lexed


def each_of(commands: Iterable[ShownCommand]) -> pytest.MarkDecorator:
    """A test of each command."""
    return pytest.mark.parametrize("command", commands, ids=str)
