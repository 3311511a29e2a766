"""Says, after Ctrl-C, what goes on in AWS without this process."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from settings import Settings
from tools.deploy.inventory import JOBS, DeployedResource, Deployment, endpoints, pages, running_jobs
from tools.deploy.summary import stop
from tools.stack import is_busy


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
            if stack["StackName"].startswith(of.prefix) and stack["StackStatus"] != "REVIEW_IN_PROGRESS"
        }
        changing = [f"stack {name} ({status})" for name, status in stacks.items() if is_busy(status)]
        found = [*changing, *map(str, running_jobs(of)), *map(str, endpoints(of))]
    except (BotoCoreError, ClientError) as error:
        return f"stopped here; AWS does not say what runs on there ({error}). End everything: {stop(settings)}"
    if not stacks and not found:
        return "stopped; nothing runs in AWS"
    # CloudFormation deletes a stack that is being created, but none that is being updated.
    when = " (once the update has ended)" if any("(UPDATE_" in each for each in changing) else ""
    runs = f"these run on and bill: {', '.join(found)}" if found else "what is deployed bills on"
    return f"stopped here; in AWS {runs}. End everything: {stop(settings, when)}"


def what_runs_of(found: Iterable[DeployedResource]) -> str:
    """Describe in one line these jobs and endpoints, and the commands that end them."""
    left = list(found)
    if not left:
        return "stopped; nothing of it runs in AWS"
    end = "; ".join(map(end_command, left))
    return f"stopped here; in AWS these run on and bill: {', '.join(map(str, left))}. End them: {end}"


def end_command(found: DeployedResource) -> str:
    """The command that ends a job or an endpoint."""
    if found.kind == "endpoint":
        return f"aws sagemaker delete-endpoint --endpoint-name {found.name}"
    api = JOBS[found.kind]
    return f"aws sagemaker {xform_name(f'Stop{api}', '-')} --{xform_name(f'{api}Name', '-')} {found.name}"
