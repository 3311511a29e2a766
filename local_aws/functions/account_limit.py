"""Concurrent executions of the account: what functions reserve or provision of them, and what is left for all others.

Sources: "Configuring reserved concurrency" and "Configuring provisioned concurrency", Lambda developer guide. The words
of the refusals, and their bound of 100 or the whole quota, where that is smaller, are from
https://github.com/anomalyco/sst/issues/5829 and
https://github.com/aws-samples/one-observability-demo/issues/278.
"""

import json
from typing import Any

from ministack.services import lambda_svc

from aws.quotas import LAMBDA_UNRESERVED
from local_aws import quotas
from local_aws.type_handlers import Made, Make, Properties, wrap

FUNCTION = "AWS::Lambda::Function"

_settings_original = lambda_svc._get_account_settings
_reserve_original = lambda_svc._put_function_concurrency
_machine_limit = lambda_svc._ACCOUNT_CONCURRENCY_CAP  # more processes than that are too many for its memory


def install() -> None:
    """Hold reservations and calls to the account's quota, and reserve for CloudFormation too."""
    lambda_svc._get_account_settings = _get_account_settings
    lambda_svc._put_function_concurrency = _reserve
    wrap(FUNCTION, _reserving)
    _limit_calls()
    quotas.on_increase.append(_limit_calls)


def _limit_calls() -> None:
    lambda_svc._ACCOUNT_CONCURRENCY_CAP = min(_machine_limit, quotas.concurrency())


def _get_account_settings() -> Any:
    status, headers, body = _settings_original()
    settings = json.loads(body)
    unreserved = quotas.concurrency() - _taken()
    settings["AccountLimit"] |= {
        "ConcurrentExecutions": quotas.concurrency(),
        "UnreservedConcurrentExecutions": max(unreserved, 0),
    }
    return status, headers, json.dumps(settings).encode()


def _reserve(function: str, data: dict[str, Any]) -> Any:
    value = data.get("ReservedConcurrentExecutions", 0)
    if function in lambda_svc._functions and _left_by_others(function) - value < _minimum():
        return _refusal("ReservedConcurrentExecutions")
    return _reserve_original(function, data)


def refuse_provisioned(function: str, alias: str, count: int) -> Any:
    """Response that refuses `count` provisioned environments of an alias; None if there is room for them."""
    record = lambda_svc._functions.get(function)
    if record is None:
        return None
    provisioned = _provisioned(record, besides=alias) + count
    if (reserved := record["concurrency"]) is None:
        return _refusal("ConcurrentExecutions") if _left_by_others(function) - provisioned < _minimum() else None
    message = (
        "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
    )
    return _invalid(message) if provisioned > reserved else None


def _refusal(what: str) -> Any:
    message = f"Specified {what} for function decreases account's UnreservedConcurrentExecution below its minimum value"
    return _invalid(f"{message} of [{_minimum()}].")


def _invalid(message: str) -> Any:
    return lambda_svc.error_response_json("InvalidParameterValueException", message, 400)


def _minimum() -> int:
    return min(LAMBDA_UNRESERVED, quotas.concurrency())


def _left_by_others(function: str) -> int:
    return quotas.concurrency() - _taken(besides=function)


def _taken(besides: str = "") -> int:
    """Concurrent executions that functions reserve, or provision without a reservation."""
    records = [record for name, record in lambda_svc._functions.items() if name != besides]
    return sum(_provisioned(one) if one["concurrency"] is None else int(one["concurrency"]) for one in records)


def _provisioned(record: dict[str, Any], besides: str = "") -> int:
    asked = record.get("provisioned_concurrency", {})
    return sum(one["RequestedProvisionedConcurrentExecutions"] for name, one in asked.items() if name != besides)


def _reserving(make: Make, properties: Properties) -> Made:
    """Make a function's reservation follow its property, which MiniStack ignores."""
    before = set(lambda_svc._functions)
    made = make(properties)
    name, wanted = made[0], properties.get("ReservedConcurrentExecutions")
    if wanted is None:
        lambda_svc._delete_function_concurrency(name)
        return made
    status, _, body = _reserve(name, {"ReservedConcurrentExecutions": int(wanted)})
    if status >= 400:
        if name not in before:
            del lambda_svc._functions[name]
        raise ValueError(json.loads(body)["message"])
    return made
