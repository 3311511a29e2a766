"""The property PermissionsBoundary of AWS::IAM::Role, which MiniStack ignores in templates.

Source: "Permissions boundaries for IAM entities", IAM user guide.
"""

import re

from ministack.services import iam

from local_aws.type_handlers import Made, Make, Properties, wrap

_BOUNDARY = "PermissionsBoundary"


def install() -> None:
    """Give the roles that CloudFormation creates or updates the boundary of their templates."""
    wrap("AWS::IAM::Role", _bounded)


def _bounded(make: Make, properties: Properties) -> Made:
    boundary = properties.get(_BOUNDARY, "")
    if boundary and (refusal := iam._boundary_policy_error(boundary)):
        raise ValueError(re.findall(r"<Message>(.*?)</Message>", refusal[2].decode())[0])
    made = make(properties)
    iam._roles[made[0]][_BOUNDARY] = boundary
    return made
