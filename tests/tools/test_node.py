"""The CDK runs on the Node of the lock, in processes of its own."""

import subprocess
import sys

import pytest

COMMANDS = (
    "bench", "local_aws", "notebooks", "tools.capacity", "tools.cost", "tools.dataset", "tools.demo",
    "tools.deploy", "tools.deploy.check", "tools.deploy.destroy", "tools.deploy.weights", "tools.load",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_starts_the_cdk_for_itself(command: str) -> None:
    # importing it takes a second, and warns of whatever other Node the machine has
    module = f"{command}.__main__" if command.rpartition(".")[0] in ("", "tools") else command
    program = f"import sys, {module}; sys.exit('aws_cdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
