"""EventBridge calls a function only as the function's resource policy allows, which MiniStack does not ask.

Source: "Using resource-based policies for Amazon EventBridge", EventBridge user guide: a rule gives its ARN as
aws:SourceArn; by "Troubleshooting Amazon EventBridge", a SourceAccount in the policy keeps it from calling.
"""

import logging
from typing import Any

from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, lambda_svc

_logger = logging.getLogger(__name__)
_SERVICE = "events.amazonaws.com"


def install() -> None:
    """Ask the resource policy of a function before a rule calls it."""
    original = eventbridge._invoke_target

    def invoke(target: dict[str, Any], event: Any, rule: dict[str, Any], view: Any = None) -> None:
        arn = target.get("Arn", "")
        if ":lambda:" in arn and not _allowed(arn, str(rule["Arn"])):
            _logger.warning("%s may not call %s: its resource policy does not allow it", rule["Arn"], arn)
            return
        original(target, event, rule, view)

    eventbridge._invoke_target = invoke


def _allowed(function: str, rule: str) -> bool:
    found = lambda_svc.function_policy_for_arn(function)
    context = EvalContext(
        principal_arn=_SERVICE,
        principal_type="Service",
        principal_account=get_account_id(),
        action="lambda:InvokeFunction",
        resource_arn=function,
        region=get_region(),
        service_context={"aws:sourcearn": rule},  # and no aws:SourceAccount
    )
    return found is not None and evaluate_resource_policy(found[0], context, service=_SERVICE).decision == "Allow"
