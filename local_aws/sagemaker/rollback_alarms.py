"""The alarms that a deployment is watched by, asked as SageMaker does: with the model's execution role."""

from collections.abc import Iterable

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch

from local_aws.iam.principal import RoleSession
from local_aws.service import ApiError


def require_alarms(names: Iterable[str]) -> None:
    """Refuse (ApiError) a deployment whose alarms are not all there: none of them could roll it back."""
    missing = [name for name in names if name not in cloudwatch._alarms]
    if missing:
        raise ApiError("ValidationException", f"Could not find CloudWatch alarms: {', '.join(missing)}.")


def in_alarm(role: RoleSession, names: Iterable[str]) -> list[str]:
    """Those of the alarms that are in ALARM now.

    Raises:
        ApiError: the role may not describe one of them.
    """
    found = []
    for name in names:
        role.require("cloudwatch:DescribeAlarms", f"arn:aws:cloudwatch:{get_region()}:{get_account_id()}:alarm:{name}")
        alarm = cloudwatch._alarms.get(name)
        if alarm and alarm["StateValue"] == "ALARM":
            found.append(name)
    return found
