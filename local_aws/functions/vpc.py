"""The property VpcConfig of AWS::Lambda::Function, which MiniStack ignores in templates.

Source: "Giving Lambda functions access to resources in an Amazon VPC", Lambda developer guide.
"""

import json

from ministack.services import lambda_svc

from local_aws.functions.account_limit import FUNCTION
from local_aws.type_handlers import Made, Make, Properties, wrap

_NONE: dict[str, list[str]] = {"SubnetIds": [], "SecurityGroupIds": []}


def install() -> None:
    """Put the functions that CloudFormation creates or updates into the VPC of their templates."""
    wrap(FUNCTION, _placed)


def _placed(make: Make, properties: Properties) -> Made:
    made = make(properties)
    name = made[0]
    if "VpcConfig" in properties or "VpcConfig" in lambda_svc._functions[name]["config"]:
        status, _, body = lambda_svc._update_config(name, {"VpcConfig": properties.get("VpcConfig", _NONE)})
        if status >= 400:
            raise ValueError(json.loads(body)["message"])
    return made
