"""Each make command that a page or a message shows is right: target, variables, settings, and options of the tool."""

import argparse
import importlib
import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bench.__main__ import BENCHMARKS
from local_aws.doubts import DOUBTS
from settings import Settings, read_settings
from tests.shown_commands import MAKEFILE, ROOT, RULES, TARGETS, ShownCommand, each_of, everywhere, words_of
from tools.prove.document import ROWS
from training.__main__ import _read_flags
from training.settings import parse

MAKE = [command for command in everywhere() if "make " in command.text]


@cache
def recipe(target: str) -> str:
    needs, found = RULES[target]
    found += recipe("templates") if "templates" in needs.split() else ""
    for name, value in re.findall(r"^(CONTEXT|UNPACK) = ((?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE):
        found = found.replace(f"$({name})", value)
    return str(found)


def variables(target: str) -> set[str]:
    """Variables that the target's recipe reads."""
    return set(re.findall(r"\$\$?[({]?([A-Z_]+)", recipe(target)))


@each_of(MAKE)
def test_a_make_target_exists_and_reads_the_variables_that_it_is_given(command: ShownCommand) -> None:
    for _, target, *given in words_of(command.text, "make"):
        if target == "1-docs":  # stands for all of them
            continue
        assert target in TARGETS
        assert {name.partition("=")[0] for name in given if "=" in name} <= variables(target)
        assert [word for word in given if "=" not in word] == []


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_the_help_of_a_make_target_names_the_variables_that_it_reads(target: str) -> None:
    described = re.search(rf"^{target}:.*## (.*)$", MAKEFILE, re.MULTILINE)
    named = (
        set(re.findall(r"\b([A-Z_]{2,})=", re.sub(r'(?<=[A-Z]=)"[^"]*"|make \S+ \S+', "", described[1])))
        if described
        else set()
    )
    assert named <= variables(target)


@each_of([command for command in MAKE if "SETTINGS=" in command.text])
def test_settings_exist_and_take_the_values_that_are_given(
    command: ShownCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_STAGES", str(tmp_path))
    [text] = [word.partition("=")[2] for word in shlex.split(command.text) if word.startswith("SETTINGS=")]
    given = dict(word.partition("=")[::2] for word in shlex.split(text) if word != "…")
    assert given.keys() <= Settings.model_fields.keys() | {"name"}
    digest = {name: "0" * 64 for name in ("dataset", "weights") if name in given}
    read_settings({name: value for name, value in given.items() if "…" not in value and name != "name"} | digest)


class Parsed(BaseException):
    """The command line was accepted."""


def accept(module: ModuleType, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the module's parser read the arguments, and do nothing else.

    Raises:
        SystemExit: with code 2, when they are refused.
    """
    if module.__name__ == "training.__main__":  # it hands unknown flags to `parse`
        parse(_read_flags(arguments)[1])
        return
    original = argparse.ArgumentParser.parse_args

    def parse_args(parser: argparse.ArgumentParser, given: Any = None, namespace: Any = None) -> None:
        original(parser, arguments if given is None else given, namespace)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_args)
    takes = module.main.__code__ if not hasattr(module.main, "__wrapped__") else module.main.__wrapped__.__code__
    with pytest.raises(Parsed):
        module.main(*([arguments] if takes.co_argcount else []))


RUN_A_TOOL = [
    command
    for command in MAKE
    for _, target, *_ in words_of(command.text, "make")
    if target in TARGETS and re.match(r"\t@(?s:\$\(if .* fi; )?\$\(PY\) -m (?!pytest|ruff|tools\.cdk)", recipe(target))
]


@each_of(RUN_A_TOOL)
def test_the_tool_takes_the_options_that_reach_it_from_the_shell(
    command: ShownCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command is run as it is printed, by a shell, with a stand-in for Python."""
    python, ran = tmp_path / "python", tmp_path / "ran"
    python.write_text('#!/bin/sh\nfor word; do printf "%s\\0" "$word"; done > "$RAN"\n')
    python.chmod(0o755)
    for words in words_of(command.text, "make"):
        made = ["make", "-o", "templates", f"PY={python}", "SETUP=", *words[1:]]
        alone = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS")}
        done = subprocess.run(made, cwd=ROOT, env=alone | {"RAN": str(ran)}, capture_output=True, text=True)
        if "is needed" in done.stderr:  # as `make upload` without DATA, which names the target alone
            assert len(words) == 2
            return
        assert done.returncode == 0, done.stderr
        _, name, *arguments = ran.read_text().split("\0")[:-1]
        module = importlib.import_module(name)
        module = importlib.import_module(f"{name}.__main__") if hasattr(module, "__path__") else module
        if "parse_" not in Path(str(module.__file__)).read_text():
            continue
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        try:
            accept(module, arguments, monkeypatch)
        except SystemExit as end:
            assert end.code == 0, capsys.readouterr().err  # --help


PARSED = sorted(
    target
    for target in TARGETS
    if re.search(r"\$\(PY\) -m (tools|notebooks|local_aws up)", recipe(target))
    and not re.search(r"-m (tools\.(cdk|node|prove\.document)|training)", recipe(target))
)


@pytest.mark.parametrize("target", PARSED)
def test_a_tool_s_help_says_how_make_takes_its_options(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ShownCommand("", f"make {target} DATA=FOLDER IMAGE=cat.jpg BASE=main ARGS=--help")
    test_the_tool_takes_the_options_that_reach_it_from_the_shell(command, tmp_path, monkeypatch, capsys)
    usage = capsys.readouterr().out.splitlines()[0]
    told = "deploy" if target in ("sleep", "wake") else target
    assert usage == f'usage: make {told} ARGS="OPTIONS", or the variables that make help shows'


@each_of([command for command in MAKE if re.search(r"(ONLY|DOUBT)=\w", command.text) and not command.is_form])
def test_rows_benchmarks_and_doubts_that_are_named_exist(command: ShownCommand) -> None:
    for _, target, *given in words_of(command.text, "make"):
        known = {"bench": list(BENCHMARKS), "prove": list(ROWS)}.get(target, [*DOUBTS, "all"])
        chosen = [word.partition("=")[2] for word in given if word.startswith(("ONLY=", "DOUBT="))]
        assert {name for names in chosen for name in names.split(",")} - {"name"} <= set(known)


@each_of([command for command in MAKE if re.match(r"make (test|test-all|soak) ", command.text)])
def test_tests_that_are_named_exist(command: ShownCommand) -> None:
    [[_, _, *given]] = words_of(command.text, "make")
    [arguments] = [word.partition("=")[2] for word in given if word.startswith("ARGS=")]
    for word in arguments.split():
        assert (ROOT / word.partition("::")[0]).exists()
