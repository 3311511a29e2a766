"""Asynchronous invocations: a function that fails is called again, twice, after one minute and after two.

MiniStack does so for Invoke and S3; here also for rules, topics and custom resources. The time factor shortens the
minutes. Source: "How Lambda handles errors and retries with asynchronous invocation", Lambda developer guide.
"""

import json
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any

from ministack.services import eventbridge, lambda_svc, sns
from ministack.services.cloudformation import custom_resource

from local_aws.clock import real_seconds

_MINUTE = 60.0
_asynchronous: ContextVar[bool] = ContextVar("asynchronous", default=False)
_execute_original = lambda_svc._execute_function_with_config_scope


def install() -> None:
    """Retry the calls of rules, topics and custom resources. Install before iam.service_calls, which asks first."""
    lambda_svc._LAMBDA_ASYNC_RETRY_BASE_SECONDS = real_seconds(_MINUTE)
    lambda_svc._LAMBDA_ASYNC_RETRY_MAX_SECONDS = real_seconds(2 * _MINUTE)
    lambda_svc._execute_function_with_config_scope = _execute
    eventbridge._dispatch_to_lambda = _dispatch_to_lambda
    sns._deliver_to_lambda = _calling_asynchronously(sns._deliver_to_lambda)
    custom_resource.invoke_custom_resource = _calling_asynchronously(custom_resource.invoke_custom_resource)


def _execute(function: dict[str, Any], event: dict[str, Any]) -> Any:
    if _asynchronous.get():
        return lambda_svc.invoke_async_with_retry(function, event)
    return _execute_original(function, event)


def _calling_asynchronously(caller: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(caller)
    def call(*arguments: Any, **named: Any) -> Any:
        before = _asynchronous.set(True)
        try:
            return caller(*arguments, **named)
        finally:
            _asynchronous.reset(before)

    return call


def _dispatch_to_lambda(arn: str, payload: str) -> None:
    """Call the function of a rule, as MiniStack does in a thread of its own."""
    function, config, _ = lambda_svc._get_func_record_for_ref(arn)
    if function and config:
        try:
            event = json.loads(payload)
        except ValueError:
            event = {"body": payload}
        lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(function, config), event)
