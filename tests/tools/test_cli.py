"""The end of every command: exit code and lines on stderr."""

import io
import re
import subprocess
import sys
from argparse import ArgumentTypeError
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from aws.prices import UnknownPrice
from iam.errors import GateError
from local_aws.running import LocalAwsError
from settings import SettingsError
from tools.cdk import CdkFailed
from tools.cli import Unconfirmed, agreed, command, make_parser, path_or_address
from tools.preflight import NotReady
from training.errors import InputError
from training.flags import user_path

ROOT = Path(__file__).parents[2]


def ended_by(error: BaseException) -> int:
    @command
    def main() -> None:
        raise error

    return main()


def test_a_command_that_returns_nothing_ends_with_0() -> None:
    assert command(lambda: None)() == 0


def test_a_command_may_choose_its_exit_code() -> None:
    assert command(lambda: 3)() == 3


DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListBuckets")


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (InputError(["no a", "no b"]), ["no a", "no b"]),
        (SettingsError(["seed = -1: must be 0 or more"]), ["seed = -1: must be 0 or more"]),
        (NotReady("no region"), ["no region"]),
        (CdkFailed("one\ntwo"), ["one", "two"]),
        (LocalAwsError("port 4566 is taken"), ["port 4566 is taken"]),
        (UnknownPrice("no price of x"), ["no price of x"]),
        (GateError("not a folder"), ["not a folder"]),
        (DENIED, ["An error occurred (AccessDenied) when calling the ListBuckets operation: no"]),
        (NoCredentialsError(), ["Unable to locate credentials"]),
        (FileNotFoundError(2, "No such file or directory", "a.csv"), ["a.csv: No such file or directory"]),
        (OSError(28, "No space left on device"), ["No space left on device"]),
        (TimeoutError(), ["TimeoutError"]),
        (OSError(28, "No space left on device", "from", None, "to"), ["to: No space left on device"]),
    ],
)
def test_what_a_user_can_mend_is_a_line_for_each_problem_and_exit_1(
    error: Exception, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended_by(error) == 1
    assert capsys.readouterr().err.splitlines() == [f"error: {line}" for line in lines]


def test_a_fault_of_ours_keeps_its_trace() -> None:
    with pytest.raises(ZeroDivisionError):
        ended_by(ZeroDivisionError())


def test_ctrl_c_is_one_line_and_exit_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended_by(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "stopped\n"


def test_ctrl_c_says_what_a_command_knows_about_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended_by(KeyboardInterrupt("stopped here; a job runs on")) == 130
    assert capsys.readouterr().err == "stopped here; a job runs on\n"


def test_a_reader_that_has_gone_is_told_nothing() -> None:
    program = "import sys; from tools.cli import command; sys.exit(command(lambda: print('x' * 10**6))())"
    running = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert running.stdout and running.stderr
    running.stdout.close()
    assert running.wait() == 141
    assert running.stderr.read() == b""


def test_a_wrong_flag_ends_with_2_and_names_the_make_target(capsys: pytest.CaptureFixture[str]) -> None:
    @command
    def main() -> None:
        make_parser("deploy", "Deploy.").parse_args(["--dta", "x"])

    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "make deploy: error: unrecognized arguments: --dta x" in capsys.readouterr().err


def test_the_home_folder_of_nobody_is_a_wrong_argument() -> None:
    for read in (user_path, path_or_address):
        with pytest.raises(ArgumentTypeError, match="~nobody-here/x: there is no such home folder"):
            read("~nobody-here/x")


@pytest.mark.parametrize("address", ["s3://bucket/~/x.jpg", "https://example.org/~somebody/x.jpg"])
def test_an_address_is_taken_as_it_is(address: str) -> None:
    assert path_or_address(address) == address


def test_without_a_terminal_nobody_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("yes"))
    with pytest.raises(Unconfirmed, match="add YES=1"):
        agreed("Remove it?", yes=False)
    assert agreed("Remove it?", yes=True)


def test_the_end_of_input_at_the_question_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO("")  # Ctrl-D
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    assert not agreed("Remove it?", yes=False)


def test_every_command_that_prints_json_is_in_the_one_table() -> None:
    """Rows are commands that are shown: tests/test_make_commands.py hands them to their parsers."""
    page = (ROOT / "docs" / "programs.md").read_text()
    rows = re.findall(r"""^\| `make [^`]* ARGS=(?:--json|"[^"]* --json")` \|""", page, re.MULTILINE)
    sources = [path.read_text() for path in (ROOT / "tools").rglob("*.py")]
    assert len(rows) == sum(len(re.findall(r"^ +add_json\(", source, re.MULTILINE)) for source in sources)
    assert [source for source in sources if '"--json"' in source] == [(ROOT / "tools" / "cli.py").read_text()]
