"""What Lambda does with functions' roles: they are passed to it, and it writes logs with them.

Source: "Defining Lambda function permissions with an execution role", Lambda developer guide.
"""

import datetime
from typing import Any

from ministack import app
from ministack.core import iam_actions, lambda_runtime
from ministack.services import cloudwatch_logs, lambda_svc

from local_aws.authorization import caller, require, require_pass_role
from local_aws.service import ApiError, Response, answer

_SERVICE = "lambda.amazonaws.com"


def install() -> None:
    """Ask for iam:PassRole where a request gives a function its role, and for the role's right to log."""
    _ask_for_pass_role()
    _log_as_the_function()


def _ask_for_pass_role() -> None:
    original = app.SERVICE_HANDLERS["lambda"]

    async def handle(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
    ) -> Response:
        gives_role = (method == "POST" and path.rstrip("/").endswith("/functions")) or (
            method == "PUT" and path.rstrip("/").endswith("/configuration")
        )
        if gives_role and (role := iam_actions._safe_json_field(body, "Role")):
            try:
                require_pass_role(caller.get(), role, _SERVICE)
            except ApiError as error:
                return answer({"Message": str(error)}, 403, error.code)
        response: Response = await original(method, path, headers, body, query_params)
        return response

    app.SERVICE_HANDLERS["lambda"] = handle


def _log_as_the_function() -> None:
    original = lambda_svc._emit_lambda_logs

    def emit(func: dict[str, Any], *rest: Any, **named: Any) -> None:
        config = func.get("config") or func
        if _may_log(config):
            original(func, *rest, **named)

    lambda_svc._emit_lambda_logs = emit


def _may_log(config: dict[str, Any]) -> bool:
    """Whether the function's role allows it: a function that may not log runs without logs, as on AWS."""
    key = lambda_runtime.execution_credentials(config)["AWS_ACCESS_KEY_ID"]
    name = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"
    group = cloudwatch_logs._make_group_arn(name).removesuffix(":*")
    day = datetime.datetime.now(datetime.UTC).strftime("%Y/%m/%d")
    stream = f"{group}:log-stream:{day}/[{config.get('Version', '$LATEST')}]"
    try:
        if name not in cloudwatch_logs._log_groups:
            require(key, "logs:CreateLogGroup", group)
        require(key, "logs:CreateLogStream", stream)
        require(key, "logs:PutLogEvents", stream)
    except ApiError:
        return False
    return True
