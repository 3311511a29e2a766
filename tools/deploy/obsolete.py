"""Stacks that are deployed, and that the settings no longer ask for: without a notebook, the notebook's.

A stack cannot stop exporting what another one imports, and cannot be deleted: "Exports in use", "Get exported outputs
from a deployed CloudFormation stack", CloudFormation user guide. So who imports goes before the deploy, and who exports
goes after it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from botocore.exceptions import ClientError

from tools.assembly import SynthesizedApp
from tools.deploy.inventory import Deployment, stacks_of
from tools.deploy.removal import Say, by_creation, delete_stacks
from tools.stack import describe


def obsolete(assembly: SynthesizedApp, of: Deployment) -> list[str]:
    """Names of the deployment's stacks that the app no longer has."""
    return [found.name for found in stacks_of(of) if found.name not in assembly.stacks]


@contextmanager
def removed(stacks: list[str], *, say: Say) -> Iterator[None]:
    """Delete the stacks around the deploy that no longer needs them.

    Raises:
        NotRemoved: with CloudFormation's reasons.
    """
    youngest_first = by_creation(stacks)
    after = [stack for stack in youngest_first if _is_imported(stack)]
    delete_stacks([stack for stack in youngest_first if stack not in after], say)
    yield
    delete_stacks(after, say)


def _is_imported(stack: str) -> bool:
    described = describe(stack) or {}
    exports = [output["ExportName"] for output in described.get("Outputs", []) if "ExportName" in output]
    return any(map(_has_importers, exports))


def _has_importers(export: str) -> bool:
    try:
        return bool(boto3.client("cloudformation").list_imports(ExportName=export)["Imports"])
    except ClientError as error:
        if "is not imported by any stack" not in str(error):  # which is an error to CloudFormation
            raise
        return False
