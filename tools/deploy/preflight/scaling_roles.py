"""Service-linked roles of Application Auto Scaling, which a new account does not have.

CloudFormation would have them made when it registers the targets, and some report that it cannot use them in the first
seconds (`Unable to assume IAM role`). A deploy makes them at its beginning.
"""

from collections.abc import Callable

import boto3
from botocore.exceptions import ClientError

from aws import service_linked_roles
from tools.deploy.preflight.target import Target
from tools.stack import resources


def scaling_roles(target: Target) -> str:
    """The roles are there, or the deploy makes them."""
    missing = target.once(_missing)
    names = [service_linked_roles.NAMES[namespace] for namespace in missing]
    return f"the deploy makes {' and '.join(names)}" if names else "they are there"


def make_scaling_roles(target: Target, *, say: Callable[[str], None]) -> None:
    """Make the roles that are missing. Where the caller may not, that is left to CloudFormation, and said."""
    try:
        missing = target.once(_missing)
    except ClientError:
        return
    for namespace in missing:
        name, service = service_linked_roles.NAMES[namespace], service_linked_roles.service(namespace)
        try:
            boto3.client("iam").create_service_linked_role(AWSServiceName=service)
        except ClientError as error:
            say(
                f"{name} is not there, and you may not make it ({error.response['Error']['Code']}). CloudFormation "
                "does, if its role may; if the deploy fails for it, have an administrator run "
                f"aws iam create-service-linked-role --aws-service-name {service}"
            )
        else:
            say(f"made the service-linked role {name}")


def _missing(target: Target) -> list[str]:
    """Namespaces of the app's scalable targets that have no role.

    Raises:
        ClientError: the caller may not ask.
    """
    template = target.assembly().template("serving")
    scalable = resources(template, "AWS::ApplicationAutoScaling::ScalableTarget").values()
    client, missing = boto3.client("iam"), []
    for namespace in sorted({each["ServiceNamespace"] for each in scalable}):
        try:
            client.get_role(RoleName=service_linked_roles.NAMES[namespace])
        except client.exceptions.NoSuchEntityException:
            missing.append(namespace)
    return missing
