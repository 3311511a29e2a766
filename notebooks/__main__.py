"""Execute the notebook on the AWS of the environment, and store it with its outputs.

make notebook ARGS="-p EPOCHS=1" SETTINGS="stage=prod"
"""

from training.interrupt import report_interrupts

report_interrupts()  # before the other imports, which take a second

import argparse
import ast
import sys
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from notebooks.execute import NOTEBOOK, execute
from settings.names import notebook_endpoint_name, notebook_prefix
from tools.cdk import ROOT
from tools.cli import chosen_settings, command, make_parser
from tools.deploy.interrupted import Interrupted, what_runs_of
from tools.deploy.inventory import Deployment, endpoints, running_jobs
from training.writing import require_writable

_OUT = ROOT / "out"


@command
def main() -> None:
    parser = make_parser("notebook", (__doc__ or "").split("\n")[0])
    parser.add_argument(
        "-p",
        "--parameter",
        action="append",
        default=[],
        type=_parameter,
        metavar="NAME=VALUE",
        help="a parameter of the notebook, such as EPOCHS=1",
    )
    arguments = parser.parse_args()
    parameters = {"PREFIX": chosen_settings(arguments).prefix, **dict(arguments.parameter)}
    output = _OUT / NOTEBOOK.name
    require_writable(_OUT)
    try:
        execute(NOTEBOOK, parameters, output, say=print)
    except KeyboardInterrupt:
        raise Interrupted(_left_by(str(parameters["PREFIX"]))) from None
    print(f"Written: {output}")


def _left_by(prefix: str) -> str:
    """Describe what the notebook of `<app>-<stage>` has made and what runs on."""
    app, _, stage = prefix.partition("-")
    of = Deployment(app, stage, account="")
    ours = (notebook_prefix(prefix), notebook_endpoint_name(prefix))
    try:
        return what_runs_of(each for each in (*running_jobs(of), *endpoints(of)) if each.name.startswith(ours))
    except (BotoCoreError, ClientError) as error:
        return f"stopped; AWS does not say what of it runs on there ({error})"


def _parameter(text: str) -> tuple[str, Any]:
    """Split NAME=VALUE. A VALUE that is no Python literal is text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text} is not NAME=VALUE")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


if __name__ == "__main__":
    sys.exit(main())
