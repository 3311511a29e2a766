"""Command line of local AWS: up, down."""

import argparse
import os
import sys
import time

from local_aws import __doc__ as description
from local_aws import doubts
from local_aws.clock import DEFAULT, VARIABLE, parse_time_factor
from local_aws.home import DEFAULT_PORT, DEFAULT_REGION, ESTABLISHED, NEW, Home
from local_aws.lifecycle import down, up
from local_aws.running import LocalAwsError, homes
from training.interrupt import INTERRUPTED


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="local_aws", description=description, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser(
        "up",
        prog="make local",
        usage='make local ARGS="OPTIONS", or the variables that make help shows',
        help="start local AWS (does nothing if it runs already)",
    )
    start.add_argument("--port", type=_port, help=f"default {DEFAULT_PORT}")
    start.add_argument("--region", help=f"default {DEFAULT_REGION}")
    start.add_argument(
        "--time-factor",
        type=_factor,
        help=f"factor by which alarm periods and cool-downs are shortened; default ${VARIABLE}, or {DEFAULT:g}",
    )
    start.add_argument(
        "--doubt", action="append", default=[], metavar="NAME",
        help=f"give the other answer where AWS's documents leave one open: {', '.join(doubts.DOUBTS)}, or all",
    )  # fmt: skip
    start.add_argument("--account", choices=[ESTABLISHED, NEW], help="quotas of such an account; default established")
    commands.add_parser("down", prog="make down", help="end it and every process it started")
    arguments = parser.parse_args()
    home = Home.from_environment()
    try:
        match arguments.command:
            case "up":
                return _up(home, arguments)
            case _:
                return _down(home)
    except LocalAwsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error.filename or home.root}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return INTERRUPTED


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 1 << 16:
        raise argparse.ArgumentTypeError(f"{text} is not a port, a whole number from 1 to 65535")
    return int(text)


def _factor(text: str) -> float:
    try:
        return parse_time_factor(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _up(home: Home, given: argparse.Namespace) -> int:
    start = time.monotonic()
    run = up(
        home,
        given.port,
        given.region,
        default_port=DEFAULT_PORT,
        time_factor=given.time_factor,
        doubt=given.doubt,
        account=given.account,
    )
    fast = f", time factor {run.time_factor:g}" if run.time_factor != 1 else ""
    print(f"local AWS at {run.endpoint} ({time.monotonic() - start:.1f} s{fast})")
    print(f"use it from any AWS client: . {os.path.relpath(home.env_file)}")
    return 0


def _down(home: Home) -> int:
    ended = sum(map(down, homes(home)))
    print(f"local AWS ended ({ended} processes)" if ended else "no local AWS runs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
