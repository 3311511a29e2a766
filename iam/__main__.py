"""The gate's commands: check, diff, docs.

Exit codes: 0 when all is well; 1 when there are findings (check), when something became possible (diff), or when the
document is stale (docs --check); 2 when the input cannot be read; 130 after Ctrl-C.
"""

import argparse
import contextlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from iam import diff, document, trace
from iam.check import check_templates
from iam.errors import GateError
from iam.revision import synthesized
from iam.template import load, read

_DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "iam.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `arguments`; return the exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except GateError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _check(parsed: argparse.Namespace) -> int:
    start = time.perf_counter()
    traced = [finding for path in parsed.trace for finding in trace.check_file(path)]
    findings = [*check_templates(load(parsed.folder)), *traced]
    for finding in findings:
        print(finding)
    if findings:
        verdict = f"IAM gate: {len(findings)} finding(s)."
    elif parsed.trace:
        verdict = f"Roles match the contract, and {len(parsed.trace)} trace(s) use each permission marked trace:."
    else:
        verdict = "Roles match the contract. Run `make demo` first to check also that each permission is used."
    print(f"{verdict} ({time.perf_counter() - start:.2f} s)")
    return 1 if findings else 0


def _diff(parsed: argparse.Namespace) -> int:
    with contextlib.ExitStack() as stack:
        folder = parsed.base if Path(parsed.base).is_dir() else stack.enter_context(synthesized(parsed.base))
        before, after = read(load(Path(folder))), read(load(parsed.folder))
    difference = diff.compare(before, after)
    print(diff.as_text(difference))
    if parsed.markdown:
        parsed.markdown.write_text(diff.as_markdown(difference))
    return 1 if difference.widened else 0


def _docs(parsed: argparse.Namespace) -> int:
    text = document.render()
    if not parsed.check:
        _DOCUMENT.write_text(text)
        return 0
    if _DOCUMENT.exists() and _DOCUMENT.read_text() == text:
        return 0
    print(f"{_DOCUMENT.name} is stale: run make iam-docs", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="iam", description="The IAM gate.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("check", help="compare a synthesized app's roles with iam/contract.yaml")
    command.add_argument("folder", type=Path, help="folder that cdk synth wrote")
    command.add_argument("--trace", type=Path, nargs="+", default=[], help="recorded calls: out/iam-trace*.json")
    command.set_defaults(run=_check)

    command = commands.add_parser("diff", help="list permissions that a change adds and removes")
    command.add_argument("base", help="a git revision, or the folder of another synthesized app")
    command.add_argument("folder", type=Path, help="folder that cdk synth wrote")
    command.add_argument("--markdown", type=Path, metavar="FILE", help="also write the list as a pull-request comment")
    command.set_defaults(run=_diff)

    command = commands.add_parser("docs", help="write docs/iam.md from the contract")
    command.add_argument("--check", action="store_true", help="only check that it is up to date")
    command.set_defaults(run=_docs)
    return parser


if __name__ == "__main__":
    sys.exit(main())
