"""Check the roles of a synthesized app, and list what a change of permissions makes possible.

    make iam                                       compare every role with iam/contract.yaml
    make iam-diff BASE=main                        permissions added and removed since a git revision
    make iam-diff BASE=main MARKDOWN=comment.md    the same, as a pull-request comment too

Exit code 1 when there are findings, when something became possible, or when the input cannot be read.
"""

import argparse
import contextlib
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from iam import diff, reach, trace
from iam.acknowledged import own_rules
from iam.check import check_templates
from iam.revision import synthesized
from iam.template import load, read
from tools.cli import add_json, add_settings, chosen_settings, command, print_json, settings_of, usage
from training.flags import user_path


@command
def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    chosen_settings(options)  # a mistake is why there are no templates
    return int(options.run(options))


def _check(options: argparse.Namespace) -> int:
    start = time.perf_counter()
    traced = [finding for path in options.trace for finding in trace.check_file(path)]
    templates = load(options.folder)
    findings = [*check_templates(templates), *own_rules(options.folder), *traced]
    if options.json:
        print_json([asdict(finding) for finding in findings])
        return 1 if findings else 0
    for finding in findings:
        print(finding)
    if findings:
        verdict = f"IAM gate: {len(findings)} finding(s)."
    elif options.trace:
        verdict = f"Roles match the contract, and {len(options.trace)} trace(s) use each permission marked trace:."
    else:
        verdict = "Roles match the contract. Run `make demo` first to check also that each permission is used."
    print(f"{verdict} ({time.perf_counter() - start:.2f} s)")
    if not findings:
        print("", *reach.table(read(templates).roles), sep="\n")
    return 1 if findings else 0


def _diff(options: argparse.Namespace) -> int:
    with contextlib.ExitStack() as stack:
        folder = Path(options.base)
        if not folder.is_dir():
            folder = stack.enter_context(synthesized(options.base, settings_of(options)))
        before, after = read(load(folder)), read(load(options.folder))
    difference = diff.compare(before, after)
    if options.json:
        print_json(asdict(difference))
    else:
        print(diff.as_text(difference))
    if options.markdown:
        options.markdown.write_text(diff.as_markdown(difference))
    return 1 if difference.widened else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    check = commands.add_parser(
        "check", prog="make iam", usage=usage("iam"), help="compare a synthesized app's roles with the contract"
    )
    check.add_argument("folder", type=Path, help="folder that make synth wrote, with these settings")
    add_settings(check)
    check.add_argument("--trace", type=Path, nargs="+", default=[], help="recorded calls: out/iam-trace*.json")
    add_json(check, "a list of the findings: rule, role, statement, where, message, fix and witness")
    check.set_defaults(run=_check)

    changes = commands.add_parser(
        "diff", prog="make iam-diff", usage=usage("iam-diff"), help="list permissions that a change adds and removes"
    )
    changes.add_argument("base", help="a git revision, or the folder of another synthesized app")
    changes.add_argument("folder", type=Path, help="folder that make synth wrote, with these settings")
    add_settings(changes)
    changes.add_argument(
        "--markdown", type=user_path, metavar="FILE", help="also write the list as a pull-request comment"
    )
    add_json(changes, "sentences: widened, and narrowed")
    changes.set_defaults(run=_diff)
    return parser


if __name__ == "__main__":
    sys.exit(main())
