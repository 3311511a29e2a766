"""Estimates the cost of a month, a thousand predictions and a training run, and how a change affects it.

    make cost                                         with the settings of the stage
    make cost SETTINGS="endpoint_min_instances=2" ARGS="--predictions 5000000 --image-kib 40"
    make cost BASE=main                               compared with the app at a git revision
    make cost REGION=eu-west-1                        with the prices of a region; default: the environment's

It needs no AWS: it reads the synthesized templates and the prices in aws/prices.yaml. A revision is synthesized by its
own code with its own settings of the same app and stage, and priced with today's prices. What has no price is named and
in no sum, and the exit code is then 1.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rich.console import Console

from aws.prices import table
from iam.revision import synthesized
from iam.template import load
from tools.assembly import synthesize
from tools.cli import add_json, add_region, chosen_settings, command, make_parser, print_json, settings_of
from tools.cost.estimate import Estimate, estimate
from tools.cost.report import as_json, as_markdown, show
from tools.cost.usage import add_arguments, usage_of


@command
def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    usage = usage_of(options)
    given, settings = settings_of(options), chosen_settings(options)
    table(options.region)  # a region without prices is told before anything is synthesized

    def of(settings: Mapping[str, str]) -> Estimate:
        return estimate(load(synthesize(settings).folder), usage, options.region)

    now = of(given)
    off = now if settings.endpoint == "off" else of({**given, "endpoint": "off"})
    now = replace(now, month_off=off.month)
    before = None
    if options.base:
        with synthesized(options.base, given) as folder:
            before = estimate(load(folder), usage, options.region)
    if options.json:
        print_json(as_json(now, before))
    elif options.markdown:
        print(as_markdown(now, before, options.base), end="")
    else:
        show(Console(), now, before, options.base)
    return 1 if now.unpriced else 0


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("cost", __doc__)
    parser.add_argument("--base", default="", metavar="REVISION", help="compare with this git revision")
    add_region(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--markdown", action="store_true", help="print a pull-request comment; with --base only what changes"
    )
    add_json(form, "all figures, unrounded")
    add_arguments(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
