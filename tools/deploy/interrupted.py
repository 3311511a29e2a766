"""Says, after Ctrl-C, what goes on in AWS without this process."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from settings import Settings
from tools.deploy.inventory import Deployment, endpoints, pages, running_jobs
from tools.deploy.summary import stop


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, with what a user has to know after it."""


@contextmanager
def saying_what_runs(of: Deployment, settings: Settings) -> Iterator[None]:
    """Raise `Interrupted` for Ctrl-C within, with what runs on in AWS and the command that ends it."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(what_runs(of, settings)) from None


def what_runs(of: Deployment, settings: Settings) -> str:
    """Describe in one line what of the deployment goes on in AWS, and the command that ends it."""
    try:
        stacks = {
            stack["StackName"]: stack["StackStatus"]
            for stack in pages("cloudformation", "describe_stacks", "Stacks")
            if stack["StackName"].startswith(of.prefix)
        }
        changing = [f"stack {name} ({status})" for name, status in stacks.items() if status.endswith("_IN_PROGRESS")]
        found = [*changing, *map(str, running_jobs(of)), *map(str, endpoints(of))]
    except (BotoCoreError, ClientError) as error:
        return f"stopped here; AWS does not say what runs on there ({error}). End everything: {stop(settings)}"
    if not stacks and not found:
        return "stopped; nothing runs in AWS"
    # CloudFormation deletes a stack that is being created, but none that is being updated.
    when = " (once the update has ended)" if any("(UPDATE_" in each for each in changing) else ""
    runs = f"these run on and bill: {', '.join(found)}" if found else "what is deployed bills on"
    return f"stopped here; in AWS {runs}. End everything: {stop(settings, when)}"
