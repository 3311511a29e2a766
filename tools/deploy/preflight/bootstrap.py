"""CDK's bootstrap: the stack with the roles, bucket and repository that every deploy of the account uses.

Source: "Bootstrap your environment for use with the AWS CDK", CDK developer guide. A bootstrap of another qualifier is
never changed: `cdk bootstrap` would give its stack this app's qualifier, and other apps would lose their roles
(https://github.com/aws-samples/aws-transform-custom-samples/pull/98).
"""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

from tools import cdk
from tools.deploy.preflight.target import Target
from tools.preflight import NotReady
from tools.stack import outputs_of

DEFAULT_QUALIFIER = "hnb659fds"
_TOOLKIT = "CDKToolkit"


def bootstrapped(target: Target) -> str:
    """The account has a bootstrap with the app's qualifier that is new enough, or none at all."""
    versions, place = target.once(_versions), f"aws://{target.account}/{target.region}"
    qualifier, required = target.assembly().bootstrap
    if qualifier in versions:
        if versions[qualifier] < required:
            raise NotReady(
                f"version {versions[qualifier]}, and the app needs {required}: "
                f'make cdk ARGS="bootstrap {place} {bootstrap_options(qualifier)}"'
            )
        return f"version {versions[qualifier]}, with the app's qualifier {qualifier}"
    if versions:
        raise NotReady(
            f"it has the qualifier {' or '.join(sorted(versions))}, and the app has {qualifier}. Take it for the app: "
            f'"@aws-cdk/core:bootstrapQualifier": "{min(versions)}" under `context` in cdk.json. Or have a second one: '
            f'make cdk ARGS="bootstrap {place} --qualifier {qualifier} --toolkit-stack-name CDKToolkit-{qualifier}"'
        )
    return "none yet: the deploy makes it"


def make_bootstrap(target: Target) -> bool:
    """Bootstrap the target with the app's qualifier, by what `bootstrapped` has asked; returns true if it did."""
    qualifier = target.assembly().bootstrap[0]
    return bootstrap(target.account, target.region, qualifier, ask=lambda: target.once(_versions))


def bootstrap(
    account: str, region: str, qualifier: str = DEFAULT_QUALIFIER, *, ask: Callable[[], dict[str, int]] | None = None
) -> bool:
    """Bootstrap account and region, unless somebody has; returns true if it did.

    A caller who may not read the versions bootstraps nothing; `cdk deploy` then says if there is no bootstrap.
    """
    try:
        if (ask or _versions)():
            return False
    except ClientError:
        return False
    with tempfile.TemporaryDirectory() as nowhere:  # in the app's folder the CLI would synthesize the app first
        place = f"aws://{account}/{region}"
        cdk.run("bootstrap", place, "--qualifier", qualifier, on_line=lambda _: None, folder=Path(nowhere))
    return True


def bootstrap_options(qualifier: str, *, ask: bool = True) -> str:
    """Options of `cdk bootstrap` that name the qualifier, and its stack where that is not the default one.

    With `ask`, AWS says which stack has the qualifier; one that none has gets a stack of its own.
    """
    toolkits = _toolkits() if ask else {}
    own = f"{_TOOLKIT}-{qualifier}"
    default = _TOOLKIT if qualifier == DEFAULT_QUALIFIER and _TOOLKIT not in toolkits.values() else own
    stack = toolkits.get(qualifier, default)
    return f"--qualifier {qualifier}" + (f" --toolkit-stack-name {stack}" if stack != _TOOLKIT else "")


def _toolkits() -> dict[str, str]:
    """Names of the account's bootstrap stacks in the region, by qualifier; empty if the caller may not list them."""
    found = dict[str, str]()
    with suppress(ClientError):
        for page in boto3.client("cloudformation").get_paginator("describe_stacks").paginate():
            for stack in page["Stacks"]:
                given = {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])}
                if "Qualifier" in given and "BootstrapVersion" in outputs_of(stack):
                    found[given["Qualifier"]] = stack["StackName"]
    return found


def _versions(_: Target | None = None) -> dict[str, int]:
    """Version of each bootstrap that the account has in the region, by qualifier."""
    pages = boto3.client("ssm").get_paginator("get_parameters_by_path").paginate(Path="/cdk-bootstrap", Recursive=True)
    return {
        parameter["Name"].split("/")[2]: int(parameter["Value"])
        for page in pages
        for parameter in page["Parameters"]
        if parameter["Name"].endswith("/version")
    }
