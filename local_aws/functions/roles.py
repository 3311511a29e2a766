"""Execution roles of functions: Lambda assumes them if they trust it, and writes the functions' logs as them.

Source: "Defining Lambda function permissions with an execution role", Lambda developer guide.
"""

import datetime
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import cloudwatch_logs, lambda_svc

from aws.log_groups import NO_STREAM, function_log_group
from local_aws.iam.authorization import require
from local_aws.iam.principal import require_trust
from local_aws.private_network import place
from local_aws.service import ApiError


def install() -> None:
    """Run functions only with roles that trust Lambda, and write their logs only if the role allows it."""
    _run_as_the_function()
    _log_as_the_function()


def _run_as_the_function() -> None:
    original = lambda_runtime.execution_credentials

    def credentials(config: dict[str, Any]) -> dict[str, str]:
        require_trust(config["Role"], "lambda.amazonaws.com")
        found: dict[str, str] = original(config)
        place(found["AWS_ACCESS_KEY_ID"], config.get("VpcConfig"))
        return found

    for module in (lambda_runtime, lambda_svc):
        module.execution_credentials = credentials


def _log_as_the_function() -> None:
    original = lambda_svc._emit_lambda_logs

    def emit(func: dict[str, Any], *rest: Any, **named: Any) -> None:
        config = func.get("config") or func
        if _may_log(config):
            original(func, *rest, **named)

    lambda_svc._emit_lambda_logs = emit


def _may_log(config: dict[str, Any]) -> bool:
    """True if the function's role may write its logs. A function that may not runs without logs, as on AWS."""
    name = (config.get("LoggingConfig") or {}).get("LogGroup") or function_log_group(config["FunctionName"])
    group = cloudwatch_logs._make_group_arn(name).removesuffix(":*")
    day = datetime.datetime.now(datetime.UTC).strftime("%Y/%m/%d")
    stream = f"{group}{NO_STREAM}{day}/[{config.get('Version', '$LATEST')}]"
    try:
        key = lambda_runtime.execution_credentials(config)["AWS_ACCESS_KEY_ID"]
        if name not in cloudwatch_logs._log_groups:
            require(key, "logs:CreateLogGroup", f"{group}{NO_STREAM}")
        require(key, "logs:CreateLogStream", stream)
        require(key, "logs:PutLogEvents", stream)
    except ApiError:
        return False
    return True
