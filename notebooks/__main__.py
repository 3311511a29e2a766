"""Execute the notebook on the AWS of the environment, and store it with its outputs.

make notebook ARGS="-p EPOCHS=1" SETTINGS="stage=prod"
"""

import ast
import sys
from typing import Any

from notebooks.execute import NOTEBOOK, execute
from tools.cdk import ROOT
from tools.cli import chosen_settings, command, make_parser

_OUT = ROOT / "out"


@command
def main() -> None:
    parser = make_parser("notebook", (__doc__ or "").split("\n")[0])
    parser.add_argument("-p", "--parameter", action="append", default=[], metavar="NAME=VALUE", help="over its own")
    arguments = parser.parse_args()
    parameters = {"PREFIX": chosen_settings(arguments).prefix, **dict(map(_parameter, arguments.parameter))}
    output = _OUT / NOTEBOOK.name
    execute(NOTEBOOK, parameters, output)
    print(f"Written: {output}")


def _parameter(text: str) -> tuple[str, Any]:
    """Split NAME=VALUE. A VALUE that is no Python literal is text."""
    name, _, value = text.partition("=")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


if __name__ == "__main__":
    sys.exit(main())
