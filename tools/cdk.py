"""The CDK command line, run with this environment's Python and Node."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tools.node import NODE
from training.errors import ReportedError

ROOT = Path(__file__).resolve().parent.parent
_CLI = ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"


class CdkFailed(ReportedError):
    """The CDK command line ended with an error; the message has the lines that say why."""


def environment() -> dict[str, str]:
    """Environment variables for the CLI: this process's, with Python, Node and plain output."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "JSIINODE": str(NODE),
        "JSII_NODE": os.environ.get("JSII_NODE", str(NODE)),
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CI": "true",  # progress as plain lines, on stdout
    }


def run(
    *arguments: str,
    on_line: Callable[[str], None] = print,
    context: Mapping[str, str] | None = None,
    folder: Path = ROOT,
    should_abort: Callable[[], bool] = lambda: False,
) -> list[str]:
    """Run `cdk ARGUMENTS` in `folder`, pass each line of its output to `on_line`, and return all lines.

    Args:
        context: settings, passed as `-c NAME=VALUE`.
        should_abort: called every second; when it returns true, the CLI is ended.

    Raises:
        CdkFailed: with the lines that say why.
    """
    settings = [part for name, value in (context or {}).items() for part in ("-c", f"{name}={value}")]
    command = [str(NODE), str(_CLI), "--no-color", "--no-notices", *arguments, *settings]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    threading.Thread(target=_end_when, args=(should_abort, process), daemon=True).start()
    lines: list[str] = []
    try:
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            on_line(lines[-1])
        code = process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise
    if code in (-signal.SIGINT, 128 + signal.SIGINT):  # the terminal sent it to both, and it came there first
        raise KeyboardInterrupt
    if code:
        raise CdkFailed(reason(lines))
    return lines


def synthesize(folder: Path, context: Mapping[str, str]) -> None:
    """Run the app with these settings as `cdk synth` does, into `folder`, in half its time.

    Left out are the second that the CLI takes, and the two of the CDK's own validation (`cdk synth --no-validation`),
    which finds warnings only, and nobody would see them. The IAM gate looks all the same.

    Raises:
        CdkFailed: with the lines that say why.
    """
    variables = {
        "CDK_OUTDIR": str(folder),
        "CDK_CONTEXT_JSON": json.dumps(dict(context)),
        "CDK_VALIDATION": "false",
    }
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=environment() | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode:
        raise CdkFailed(reason(done.stdout.splitlines()))


def _end_when(should_abort: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    while process.poll() is None:
        if should_abort():
            process.terminate()
            return
        time.sleep(1)


def reason(lines: list[str]) -> str:
    """The lines of a failed run's output that say why it failed, six at most."""
    telling = [line for line in lines if "_FAILED" in line or "❌" in line or "rror:" in line]
    return "\n".join(telling[-6:] or lines[-6:])


def _for_the_cli(arguments: list[str]) -> list[str]:
    """The arguments with `--settings "NAME=VALUE …"` as the `-c NAME=VALUE` that the CLI knows."""
    from tools.cli import make_parser, settings_of

    options, others = make_parser("cdk", None).parse_known_args(arguments)
    return [*others, *(part for item in settings_of(options).items() for part in ("-c", "=".join(item)))]


def _synthesize(arguments: list[str]) -> int:
    """Run `cdk synth` without its advice on stack ids and feature flags; returns the exit code."""
    advice = ("Supply a stack id (", "feature flags are not configured")
    try:
        run(*arguments, on_line=lambda line: print(line) if line and not any(a in line for a in advice) else None)
    except CdkFailed:
        return 1  # its output has said why
    return 0


def main(arguments: list[str]) -> int:
    """Run the CLI itself, with its prompts and exit code, once its arguments and the AWS it needs have been checked."""
    try:
        given = _for_the_cli(arguments) if "--settings" in arguments else arguments
        if given[:1] == ["diff"]:
            from tools.preflight import require_aws

            require_aws()  # the CLI does not say how to get one
    except ReportedError as error:
        print("\n".join(f"error: {problem}" for problem in error.problems), file=sys.stderr)
        return 1
    if given[:1] == ["synth"]:
        return _synthesize(given)
    os.execve(NODE, [str(NODE), str(_CLI), "--no-notices", *given], environment() | {"CI": ""})  # noqa: S606


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
