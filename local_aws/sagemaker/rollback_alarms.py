"""Roll-back alarms of a deployment, described as the model's execution role, as SageMaker does."""

from collections.abc import Iterable

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch

from local_aws.iam.principal import RoleSession
from local_aws.service import invalid


def require_alarms(names: Iterable[str]) -> None:
    """Require that all alarms exist; a missing one could not roll the deployment back.

    Raises:
        ApiError: names the missing alarms.
    """
    missing = [name for name in names if name not in cloudwatch._alarms]
    if missing:
        raise invalid(f"Could not find CloudWatch alarms: {', '.join(missing)}.")


def in_alarm(role: RoleSession, names: Iterable[str]) -> list[str]:
    """Names of the alarms whose state is ALARM now.

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
