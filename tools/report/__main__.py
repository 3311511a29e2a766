"""Write one HTML file about what is deployed: model, training, mistakes, latency, cost, permissions, timeline.

    make report                            out/report.html, about the deployment of the settings
    make report SETTINGS="stage=prod"      about another one

The file opens in a browser without a network, and runs no script. What it cannot show, it names with the command that
makes it.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from tools.cli import chosen_settings, command, make_parser
from tools.preflight import require_aws
from tools.report.write import PATH, write


@command
def main(arguments: Sequence[str] | None = None) -> None:
    parser = make_parser("report", __doc__)
    parser.add_argument("--out", type=Path, default=PATH, metavar="FILE", help="file to write; default: %(default)s")
    given = parser.parse_args(arguments)
    settings = chosen_settings(given)
    require_aws()
    print(f"Report: {write(settings, given.out)}")


if __name__ == "__main__":
    sys.exit(main())
