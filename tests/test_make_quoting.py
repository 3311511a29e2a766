"""Every make target hands DATA, SETTINGS and FILE to its tool as they were given, spaces and quotes included."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.shown_commands import TAKE_SETTINGS
from tools.cli import add_data, make_parser, settings_of

ROOT = Path(__file__).parents[1]
FOLDER = "/some where/my photos"
SCHEDULE = "cron(0 8 ? * MON-FRI *)=2..6"
SETTINGS = f"endpoint_schedule='{SCHEDULE}' url_hosts=* stage=prod"


@pytest.fixture
def handed(tmp_path: Path):  # type: ignore[no-untyped-def]
    """The arguments that a target runs its last Python with."""
    python = tmp_path / "python"
    program = f"import json, sys\nopen('{tmp_path}/ran', 'w').write(json.dumps(sys.argv))"
    python.write_text(f"#!/usr/bin/env python3\n{program}")
    python.chmod(0o755)

    def run(target: str, *variables: str, **exported: str) -> list[str]:
        command = ["make", "-o", "templates", target, f"PY={python}", "SETUP=", *variables]
        alone = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS")}
        subprocess.run(
            command, cwd=ROOT, capture_output=True, env=alone | exported
        )  # without the ARGS of a `make test`
        return json.loads((tmp_path / "ran").read_text())[1:]  # type: ignore[no-any-return]

    return run


@pytest.mark.parametrize("target", sorted(TAKE_SETTINGS))
def test_settings_arrive_whole(handed, target: str) -> None:  # type: ignore[no-untyped-def]
    arguments = handed(target, f"SETTINGS={SETTINGS}", "DATA=photos", "IMAGE=cat.jpg", "BASE=main")
    given, _ = make_parser(target, None).parse_known_args(arguments[2:])
    of_target = {"sleep": {"endpoint": "off"}, "wake": {"endpoint": "on"}}.get(target, {})
    assert settings_of(given) == {"endpoint_schedule": SCHEDULE, "url_hosts": "*", "stage": "prod"} | of_target


@pytest.mark.parametrize(
    ("target", "variable", "flag"),
    [
        ("demo", "DATA", "--data"),
        ("deploy", "DATA", "--data"),
        ("train", "DATA", "--data"),
        ("tune", "DATA", "--data"),
        ("upload", "DATA", "upload"),
        ("split", "DATA", "split"),
        ("score", "DATA", "tools.score"),
        ("load", "DATA", "--images"),
        ("classify", "IMAGE", "tools.classify"),
        ("weights", "FILE", "--file"),
        ("iam-diff", "MARKDOWN", "--markdown"),
        ("review", "MARKDOWN", "--markdown"),
        ("deployer-policy", "SCP", "--scp"),
    ],
)
def test_a_path_with_spaces_arrives_whole(handed, target: str, variable: str, flag: str) -> None:  # type: ignore[no-untyped-def]
    arguments = handed(target, f"{variable}={FOLDER}", "BASE=main")
    assert arguments[arguments.index(flag) + 1] == FOLDER


def test_the_folder_of_a_split_arrives_whole(handed) -> None:  # type: ignore[no-untyped-def]
    assert handed("split", "DATA=a b", f"OUT={FOLDER}")[-4:] == ["split", "a b", "--out", FOLDER]


def test_arguments_are_quoted_as_in_a_shell(handed) -> None:  # type: ignore[no-untyped-def]
    assert handed("cost", "ARGS=--json --markdown 'a b'")[-3:] == ["--json", "--markdown", "a b"]


def test_a_path_may_begin_with_the_home_folder() -> None:
    parser = make_parser("deploy", None)
    add_data(parser)
    assert parser.parse_args(["--data", "~/my photos"]).data == Path.home() / "my photos"


def test_what_a_shell_has_exported_for_something_else_is_not_given(handed) -> None:  # type: ignore[no-untyped-def]
    assert handed("deploy", DATA="/mnt/other", YES="1", SETTINGS="seed=2", ARGS="--verbose") == ["-m", "tools.deploy"]
    assert handed("deploy", "DATA=mine", DATA="/mnt/other") == ["-m", "tools.deploy", "--data", "mine"]
