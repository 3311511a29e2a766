"""Service Quotas: the instances of SageMaker and the concurrency of Lambda, which other modules hold their calls to.

A new account ($SLIPWAY_ACCOUNT) has 0 SageMaker instances of each type for endpoints and jobs, and 10 concurrent
executions of Lambda. Here every increase is granted at once. Sources: Service Quotas API reference; for new accounts
https://github.com/aws-samples/sagemaker-custom-project-templates/issues/51 and
https://github.com/awslabs/fhir-works-on-aws-deployment/issues/691.
"""

import os
import secrets
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region

from aws.quotas import CODES, LAMBDA_CONCURRENCY, Use, instance_quota
from local_aws.home import ACCOUNT_KIND, NEW
from local_aws.service import ApiError, Operation, Response, dispatch, now, page, service_model

_TYPES: dict[Use, str] = {  # and the shape in SageMaker's model that lists the instance types
    "endpoint": "ProductionVariantInstanceType",
    "training job": "TrainingInstanceType",
    "spot training job": "TrainingInstanceType",
    "processing job": "ProcessingInstanceType",
    "notebook instance": "InstanceType",
}
_NAMES = {"sagemaker": "Amazon SageMaker", "lambda": "AWS Lambda"}
_PAGE = 100
_Quotas = dict[str, dict[str, Any]]  # by code

_granted: Any = AccountRegionScopedDict()  # code -> value
on_increase: list[Callable[[], None]] = []


async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Response:
    return dispatch("service-quotas", OPERATIONS, headers, body)


def resource_arn(
    path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], region: str, account: str
) -> str:
    return "*"


def concurrency() -> int:
    """Concurrent executions that Lambda gives the account."""
    return int(_value(LAMBDA_CONCURRENCY, _quotas("lambda")))


def require_instances(use: Use, instance_type: str, *, in_use: int, more: int) -> None:
    """Require that SageMaker may run `more` instances of a type.

    Raises:
        ApiError: ResourceLimitExceeded, in AWS's words
            (https://github.com/aws-samples/aws-genai-llm-chatbot/issues/244).
    """
    name, quotas = instance_quota(instance_type, use), _quotas("sagemaker")
    code = _code(name)
    if code in quotas and in_use + more > (limit := int(_value(code, quotas))):
        raise ApiError(
            "ResourceLimitExceeded",
            f"The account-level service limit '{name}' is {limit} Instances, with current utilization of {in_use} "
            f"Instances and a request delta of {more} Instances. Please use AWS Service Quotas to request an increase "
            "for this quota. If AWS Service Quotas is not available, contact AWS support to request an increase for "
            "this quota.",
        )


@cache
def _quotas(service: str) -> _Quotas:
    """All quotas of a service, with the values that the account begins with."""
    new = os.environ.get(ACCOUNT_KIND) == NEW
    if service == "lambda":
        return {LAMBDA_CONCURRENCY: {"QuotaName": "Concurrent executions", "Value": 10.0 if new else 1000.0}}
    if service != "sagemaker":
        raise ApiError("NoSuchResourceException", f"local AWS has no quotas of {service}, only of {', '.join(_NAMES)}")
    shape = service_model("sagemaker").shape_for
    return {
        _code(name): {"QuotaName": name, "Value": 0.0 if new and use != "notebook instance" else 100.0}
        for use, types in _TYPES.items()
        for name in (instance_quota(type_, use) for type_ in shape(types).enum)
    }


def _code(name: str) -> str:
    return CODES.get(name) or f"L-{sha256(name.encode()).hexdigest()[:8].upper()}"


def _value(code: str, quotas: _Quotas) -> float:
    return float(_granted.get(code, quotas[code]["Value"]))


def _described(service: str, code: str, quotas: _Quotas) -> dict[str, Any]:
    return {
        "ServiceCode": service,
        "ServiceName": _NAMES[service],
        "QuotaArn": f"arn:aws:servicequotas:{get_region()}:{get_account_id()}:{service}/{code}",
        "QuotaCode": code,
        "QuotaName": quotas[code]["QuotaName"],
        "Unit": "None",
        "GlobalQuota": False,
    }


def _list(request: dict[str, Any]) -> dict[str, Any]:
    service = request["ServiceCode"]
    quotas = _quotas(service)
    codes, more = page(list(quotas), request, _PAGE)
    found = [_described(service, code, quotas) | {"Value": _value(code, quotas), "Adjustable": True} for code in codes]
    return {"Quotas": found, **more}


def _known(operation: Callable[[dict[str, Any], _Quotas], dict[str, Any]]) -> Operation:
    def checked(request: dict[str, Any]) -> dict[str, Any]:
        quotas = _quotas(request["ServiceCode"])
        if request["QuotaCode"] not in quotas:
            raise ApiError("NoSuchResourceException", f"The quota {request['QuotaCode']} does not exist.")
        return operation(request, quotas)

    return checked


def _get(request: dict[str, Any], quotas: _Quotas) -> dict[str, Any]:
    service, code = request["ServiceCode"], request["QuotaCode"]
    return {"Quota": _described(service, code, quotas) | {"Value": _value(code, quotas), "Adjustable": True}}


def _increase(request: dict[str, Any], quotas: _Quotas) -> dict[str, Any]:
    service, code, value = request["ServiceCode"], request["QuotaCode"], float(request["DesiredValue"])
    if value <= _value(code, quotas):
        raise ApiError(
            "IllegalArgumentException", "You must provide a quota value greater than the current quota value."
        )
    _granted[code] = value
    for hear in on_increase:
        hear()
    asked = {"Id": secrets.token_hex(16), "DesiredValue": value, "Status": "APPROVED", "Created": now()}
    return {"RequestedQuota": _described(service, code, quotas) | asked}


OPERATIONS: dict[str, Operation] = {
    "ListServiceQuotas": _list,
    "GetServiceQuota": _known(_get),
    "RequestServiceQuotaIncrease": _known(_increase),
}
