"""Execute the notebook against the AWS that the environment names, and keep it with its outputs.

python -m notebooks [-p EPOCHS=1] [-c stage=prod]
"""

import argparse
import ast
import json
import sys
from typing import Any

from notebooks.execute import NOTEBOOK, NotebookFailed, execute
from tools.cdk import ROOT
from tools.cli import settings_of

_OUT = ROOT / "out"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m notebooks", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("-p", "--parameter", action="append", default=[], metavar="NAME=VALUE", help="over its own")
    parser.add_argument(
        "-c", "--context", action="append", default=[], metavar="NAME=VALUE", help="app or stage, over cdk.json's"
    )
    arguments = parser.parse_args()
    names = {**json.loads((ROOT / "cdk.json").read_text())["context"], **settings_of(arguments)}
    parameters = {"PREFIX": f"{names['app']}-{names['stage']}", **dict(map(_parameter, arguments.parameter))}
    output = _OUT / NOTEBOOK.name
    try:
        execute(NOTEBOOK, parameters, output)
    except (KeyError, NotebookFailed) as error:
        print(f"error: {error.args[0]}", file=sys.stderr)
        return 1
    print(f"Written: {output}")
    return 0


def _parameter(text: str) -> tuple[str, Any]:
    """Name and value; what is no Python value is text."""
    name, _, value = text.partition("=")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


if __name__ == "__main__":
    sys.exit(main())
