"""Estimates the cost of a month, a thousand predictions and a training run, and how a change affects it.

    make cost                                         with the settings of the stage
    make cost SETTINGS="endpoint_min_instances=2" ARGS="--predictions 5000000"
    make cost BASE=main                               compared with the app at a git revision

It needs no AWS: it reads the synthesized templates and the prices in aws/prices.yaml. A revision is synthesized by its
own code with its own settings, and priced with today's prices. Exit code 1 if a resource has no price.
"""

import argparse
import json
import sys
from collections.abc import Sequence

from rich.console import Console

from iam.revision import RevisionError, synthesized
from iam.template import UnreadableFolder, load
from tools.assembly import describe, synthesize
from tools.cdk import CdkFailed
from tools.cli import settings_of
from tools.cost.estimate import estimate
from tools.cost.report import as_json, as_markdown, show
from tools.cost.usage import add_arguments, usage_of
from training.errors import InputError


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    usage = usage_of(options)
    try:
        now = estimate(load(synthesize(settings_of(options)).folder), usage)
        before = None
        if options.base:
            with synthesized(options.base) as folder:
                before = estimate(load(folder), usage)
    except (InputError, CdkFailed, RevisionError, UnreadableFolder) as error:
        for line in describe(error):
            print(f"error: {line}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(as_json(now, before), indent=2))
    elif options.markdown:
        print(as_markdown(now, before, options.base), end="")
    else:
        show(Console(), now, before, options.base)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.cost", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--base", default="", metavar="REVISION", help="compare with this git revision")
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--markdown", action="store_true", help="print a pull-request comment; with --base only what changes"
    )
    form.add_argument("--json", action="store_true", help="print all figures, unrounded")
    add_arguments(parser)
    parser.add_argument(
        "-c", "--context", action="append", default=[], metavar="NAME=VALUE", help="a setting, over cdk.json's"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
