"""Command lines: arguments that several commands take, and how a command ends."""

import argparse
import functools
import json
import math
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec

import boto3
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound

from aws.prices import DEFAULT_REGION, UnknownPrice
from iam.errors import GateError
from settings import Settings, SettingsError, read_settings
from tools.dataset.archive import image_folder
from training.errors import ReportedError
from training.flags import user_path
from training.interrupt import INTERRUPTED

FAILED, NO_READER = 1, 141  # the latter is 128 + SIGPIPE, as shells have it

# aws/ and iam/ import nothing of training/, so each has a root of its own.
_REPORTED = (ReportedError, UnknownPrice, GateError, Boto3Error, BotoCoreError, ClientError, OSError)

Arguments = ParamSpec("Arguments")


def command(main: Callable[Arguments, int | None]) -> Callable[Arguments, int]:
    """Decorate the main function of a command, so that it returns an exit code however it ends.

    0, or what `main` returns; 1 after an error that a user can mend, with `error: …` on stderr for each problem; 130
    after Ctrl-C, with the message of the KeyboardInterrupt; 141 when nobody reads the output any more. Any other
    exception is a fault of ours and keeps its trace.
    """

    @functools.wraps(main)
    def ended(*arguments: Arguments.args, **options: Arguments.kwargs) -> int:
        try:
            code = main(*arguments, **options) or 0
            sys.stdout.flush()
        except KeyboardInterrupt as interrupt:
            print(str(interrupt) or "stopped", file=sys.stderr)
            return INTERRUPTED
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes stdout once more as it ends
            return NO_READER
        except _REPORTED as error:
            for problem in problems(error):
                print(f"error: {problem}", file=sys.stderr)
            return FAILED
        return code

    return ended


def problems(error: BaseException) -> list[str]:
    """The lines to show a user for an error."""
    match error:
        case ReportedError():
            return error.problems
        case OSError(filename=name, filename2=target, strerror=reason) if reason:
            named = target or name  # of a copy, the disk of its target is full
            return [f"{named}: {reason}" if named else reason]
        case _:
            return str(error).splitlines() or [type(error).__name__]


class Unconfirmed(ReportedError):
    """A question that nobody can answer."""


def add_yes(parser: argparse.ArgumentParser) -> None:
    """Have the parser take --yes."""
    parser.add_argument("--yes", action="store_true", help="do what would be asked for, without asking")


def agreed(question: str, *, yes: bool) -> bool:
    """Ask on the terminal; true with `yes`, without asking.

    Raises:
        Unconfirmed: there is no terminal.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise Unconfirmed("no terminal to confirm on: add YES=1 to skip the question")
    try:
        return input(f"{question} [yes/no] ").strip().lower() == "yes"
    except EOFError:  # Ctrl-D
        print()
        return False


def make_parser(target: str, description: str | None, *, settings: bool = True) -> argparse.ArgumentParser:
    """A parser for `make <target>`; with `settings` it takes those too."""
    parser = argparse.ArgumentParser(
        prog=f"make {target}",
        usage=usage(target),
        description=description,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    if settings:
        add_settings(parser)
    return parser


def usage(target: str) -> str:
    """The way to give options to `make <target>`, whose variables stand in `make help`."""
    return f'make {target} ARGS="OPTIONS", or the variables that make help shows'


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Have the parser take -c NAME=VALUE, and all of SETTINGS at once."""
    parser.add_argument(
        "-c", "--context", action="append", default=[], metavar="NAME=VALUE",
        help="a setting, over those of cdk.json and of the stage's file; NAME= resets it to the default, or empties "
        "url_hosts and s3_images",
    )  # fmt: skip
    parser.add_argument(
        "--settings", action="extend", type=_words, default=[], dest="context", metavar='"NAME=VALUE …"',
        help="several settings, quoted as in a shell",
    )  # fmt: skip


def add_json(parser: argparse._ActionsContainer, what: str) -> None:
    """Have the parser take --json, for programs: stdout then has `what` alone, by `print_json`, and stderr the rest."""
    parser.add_argument("--json", action="store_true", help=f"for programs: print JSON, {what}")


def print_json(value: Any) -> None:
    """Print the result of a command that was given --json."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def add_data(parser: argparse.ArgumentParser) -> None:
    """Have the parser take --data FOLDER, or a zip or tar of one."""
    parser.add_argument(
        "--data",
        type=data_path,
        metavar="FOLDER",
        help="your images: {train,valid,test}/<class>/<image>, zip or tar too",
    )


def add_region(parser: argparse.ArgumentParser) -> None:
    """Have the parser take --region REGION, whose prices count."""
    try:
        default = os.environ.get("AWS_REGION") or boto3.session.Session().region_name or DEFAULT_REGION
    except ProfileNotFound:  # of AWS_PROFILE, which prices do not need
        default = DEFAULT_REGION
    parser.add_argument("--region", default=default, help="region whose prices count; here by default: %(default)s")


def path_or_address(text: str) -> str:
    """Read the path of a file or folder, or an address such as https://… or s3://…."""
    return text if "://" in text else str(user_path(text))


def data_path(text: str) -> Path:
    """Read the path of a folder of images; a zip or tar of one is unpacked."""
    return image_folder(user_path(text))


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from error


def positive(text: str) -> float:
    """Read a number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value


def count(text: str) -> int:
    """Read a whole number of 1 or more."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of 1 or more")
    return int(text)


def settings_of(arguments: argparse.Namespace) -> dict[str, str]:
    """The settings given with -c and --settings, by name, as text.

    Raises:
        SettingsError: one is no NAME=VALUE.
    """
    if wrong := [item for item in arguments.context if "=" not in item]:
        raise SettingsError([f"{item} is not NAME=VALUE: quote a value with spaces, NAME='…'" for item in wrong])
    return dict(item.partition("=")[::2] for item in arguments.context)


def chosen_settings(arguments: argparse.Namespace) -> Settings:
    """cdk.json's settings and the stage's, with those given on the command line over them.

    Raises:
        SettingsError: with all mistakes.
    """
    return read_settings(settings_of(arguments))
