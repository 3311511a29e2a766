"""The account of AWS's training images, which differs by region."""

from aws_cdk import Aws, CfnMapping, Stack
from constructs import Construct

from aws.registries import REGISTRY_ACCOUNTS
from settings import Settings

_KEY = "Account"


def registry_account(scope: Construct, settings: Settings) -> str:
    """`container_account`, or what a mapping of the stack gives for the region of the deploy.

    CloudFormation refuses a region that the mapping lacks: then the setting is needed.
    """
    if settings.container_account:
        return settings.container_account
    mapping = CfnMapping(
        Stack.of(scope),
        "Registries",
        mapping={region: {_KEY: account} for region, account in REGISTRY_ACCOUNTS.items()},
    )
    return mapping.find_in_map(Aws.REGION, _KEY)
