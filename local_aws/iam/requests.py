"""Corrects the IAM action, resource and condition keys that MiniStack derives from a request.

Sources: the "Actions, resources, and condition keys" page of each service, Service Authorization Reference.
"""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote

from ministack.core import iam_actions
from ministack.services.cloudformation import changesets

from aws.log_groups import NO_STREAM
from local_aws.keys import key_arn
from local_aws.service import ApiError, parsed

ResourceArn = Callable[[str, dict[str, str], bytes, dict[str, Any], str, str], str | None]

# Where each service's requests name their operation. MiniStack accepts an `Action` parameter or an `x-amz-target`
# header for any service, so that a caller could have one action authorised and another one performed.
_BY_TARGET = frozenset(
    {"application-autoscaling", "budgets", "ecr", "events", "freetier", "kms", "logs", "servicequotas", "ssm"}
)
_BY_PARAMETER = frozenset({"cloudformation", "iam", "sts"})
_BY_PATH = frozenset({"lambda", "s3"})
_KNOWN = _BY_TARGET | _BY_PARAMETER | _BY_PATH | {"monitoring", "sagemaker"}

# Operations whose IAM action has another name ("Actions defined by AWS Lambda", "… by AWS Budget Service").
_NAMES = {
    ("budgets", "DescribeBudget"): "ViewBudget",
    ("budgets", "DescribeBudgets"): "ViewBudget",
    ("lambda", "Invoke"): "InvokeFunction",
    ("lambda", "InvokeAsync"): "InvokeFunction",
    ("lambda", "InvokeWithResponseStream"): "InvokeFunction",
}


def install() -> None:
    """Correct actions, resources and condition keys for the services that this project uses."""
    _correct_actions()
    _correct_conditions()
    for service, resource_arn in _RESOURCES.items():
        extend_resource_arn(service, resource_arn)


def extend_resource_arn(service: str, resource_arn: ResourceArn) -> None:
    """Derive the resource of a service's requests by `resource_arn`; where it returns None, by MiniStack."""
    original = iam_actions.extract_resource_arn

    def extended(requested: str, method: str, *request: Any) -> str:
        if requested == service and (arn := resource_arn(*request)):
            return arn
        return str(original(requested, method, *request))

    iam_actions.extract_resource_arn = extended


# ---------------------------------------------------------------------- actions


def _correct_actions() -> None:
    original = iam_actions.extract_iam_action
    iam_actions._BOTOCORE_SERVICE_MAP["lambda"] = ["lambda"]

    def extract(service: str, *request: Any) -> str | None:
        if service not in _KNOWN:
            named: str | None = original(service, *request)
            return named
        name = _operation(service, *request)
        name = _NAMES.get((service, name or ""), name)
        # MiniStack does not authorise a request it cannot name; UnknownOperation needs a policy with "service:*".
        return f"{iam_actions.SERVICE_TO_IAM_NAMESPACE[service]}:{name or 'UnknownOperation'}"

    iam_actions.extract_iam_action = extract


def _operation(
    service: str, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
) -> str | None:
    target = headers.get("x-amz-target", "").rpartition(".")[2]
    if service in _BY_TARGET or (service == "sagemaker" and not path.startswith("/endpoints/")):  # InvokeEndpoint
        return target
    if service in _BY_PARAMETER:
        return None if target or _contradicts(body, query) else _first(query, "Action")
    if service == "monitoring":  # its CBOR protocol has it in the path
        return path.rpartition("/operation/")[2] if "/operation/" in path else target or _first(query, "Action")
    if service == "s3":
        action: str | None = iam_actions._s3_action(method, path, query)
        return action
    operation: str | None = iam_actions._match_rest_action(service, method, path, query)
    return operation


def _contradicts(body: bytes, query: dict[str, Any]) -> bool:
    """True if URL and body give a parameter different values: IAM would read one of them, the service the other."""
    given = parse_qs(body.decode(errors="replace"), keep_blank_values=True)
    return any(query.get(name) != value for name, value in given.items())


# ---------------------------------------------------------------------- condition keys


def _correct_conditions() -> None:
    original = iam_actions.request_tag_context

    def context(service: str, iam_action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        known: dict[str, Any] = original(service, iam_action, body, params)
        if iam_action == "cloudwatch:PutMetricData" and (namespace := _namespace(body, params)):
            known["cloudwatch:namespace"] = namespace
        if iam_action == "iam:CreateServiceLinkedRole" and (linked := _first(params, "AWSServiceName")):
            known["iam:AWSServiceName"] = linked
        if iam_action.startswith("sagemaker:Create") and (isolated := _isolation(body)) is not None:
            known["sagemaker:NetworkIsolation"] = isolated
        return known

    iam_actions.request_tag_context = context


def _isolation(body: bytes) -> str | None:
    """Network isolation of a job or model, or of a tuning job's jobs, as IAM writes it; None if the request has none.

    No condition of an Allow is met by a key that is absent ("Condition operators", IAM user guide).
    """
    try:
        request = parsed(body)
    except ApiError:  # which the service reports
        return None
    definition = request.get("TrainingJobDefinition")
    isolated = (definition if isinstance(definition, dict) else request).get("EnableNetworkIsolation")
    return None if isolated is None else str(isolated).lower()


def _namespace(body: bytes, params: dict[str, Any]) -> str | None:
    """Namespace of a PutMetricData request; None for CBOR, which is not parsed here."""
    return _field(body, "Namespace") if body[:1] == b"{" else _first(params, "Namespace")


# ---------------------------------------------------------------------- resources


def _logs(path: str, headers: dict[str, str], body: bytes, query: Any, region: str, account: str) -> str | None:
    """ARN of a log stream, with no name for an operation on the whole group; None for those on tags."""
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    identifier = _field(body, "logGroupIdentifier") or _field(body, "logGroupName")
    if not identifier or operation in ("TagResource", "UntagResource", "ListTagsForResource"):
        return None
    group = identifier.removesuffix(":*")
    group = group if group.startswith("arn:") else f"arn:aws:logs:{region}:{account}:log-group:{group}"
    on_stream = operation in ("CreateLogStream", "DeleteLogStream", "GetLogEvents", "PutLogEvents")
    return f"{group}{NO_STREAM}{_field(body, 'logStreamName') if on_stream else ''}"


def _kms(path: str, headers: dict[str, str], body: bytes, query: Any, region: str, account: str) -> str | None:
    """ARN of a key, also when an alias names it; of the alias only where the alias itself is changed."""
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    if operation in ("CreateAlias", "DeleteAlias", "UpdateAlias"):
        return f"arn:aws:kms:{region}:{account}:{_field(body, 'AliasName')}"
    key = _field(body, "KeyId")
    return key_arn(key) if key else None


def _ecr(path: str, headers: dict[str, str], body: bytes, query: Any, region: str, account: str) -> str | None:
    """ARN of the repository, for DescribeRepositories with one name, too; None, so `*`, for several names."""
    names = iam_actions._safe_json_field(body, "repositoryNames") or [_field(body, "repositoryName")]
    if len(names) != 1 or not names[0]:
        return None
    return f"arn:aws:ecr:{region}:{account}:repository/{names[0]}"


def _events(path: str, headers: dict[str, str], body: bytes, query: Any, region: str, account: str) -> str | None:
    """ARN of a rule, which has no bus for the default bus; some operations call the rule `Rule`, others `Name`."""
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    if resource := _field(body, "ResourceARN"):
        return resource
    rule = _field(body, "Rule") or (_field(body, "Name") if operation.endswith("Rule") else None)
    if not rule:
        return None
    bus = (_field(body, "EventBusName") or "default").rpartition("/")[2]
    return f"arn:aws:events:{region}:{account}:rule/{rule if bus == 'default' else f'{bus}/{rule}'}"


def _lambda(path: str, headers: dict[str, str], body: bytes, query: Any, region: str, account: str) -> str | None:
    """ARN of a function, named in the body when it is created; with the version or alias if the request has one."""
    if path.rstrip("/").endswith("/functions"):
        name = _field(body, "FunctionName")
        return f"arn:aws:lambda:{region}:{account}:function:{name}" if name else None
    match = re.search(r"/functions/([^/]+)", path)
    if not match:
        return None
    name, qualifier = unquote(match[1]), _first(query, "Qualifier")
    arn = name if name.startswith("arn:") else f"arn:aws:lambda:{region}:{account}:function:{name}"
    qualified = arn.count(":") > 6
    return f"{arn}:{qualifier}" if qualifier and not qualified else arn


def _iam(path: str, headers: dict[str, str], body: bytes, query: Any, region: str, account: str) -> str | None:
    """ARN of an instance profile, or of a role or policy that is created, with its path."""
    prefix, folder = f"arn:aws:iam::{account}", (_first(query, "Path") or "/").strip("/")
    folder = f"{folder}/" if folder else ""
    if profile := _first(query, "InstanceProfileName"):
        return f"{prefix}:instance-profile/{folder}{profile}"
    match _first(query, "Action"):
        case "CreateRole":
            return f"{prefix}:role/{folder}{_first(query, 'RoleName')}"
        case "CreatePolicy":
            return f"{prefix}:policy/{folder}{_first(query, 'PolicyName')}"
    return None


def _cloudformation(
    path: str, headers: dict[str, str], body: bytes, query: Any, region: str, account: str
) -> str | None:
    """ARN of the stack of a change set that is named by its ARN alone."""
    if _first(query, "StackName") or not (change_set := _first(query, "ChangeSetName")):
        return None
    known = changesets._find_change_set(change_set)[1]
    return known["StackId"] if known else None


def _ssm(path: str, headers: dict[str, str], body: bytes, query: Any, region: str, account: str) -> str | None:
    """ARN for GetParameters and GetParametersByPath with one name or path; None, so `*`, for several names."""
    names = iam_actions._safe_json_field(body, "Names") or [_field(body, "Path")]
    if len(names) != 1 or not names[0]:
        return None
    return f"arn:aws:ssm:{region}:{account}:parameter/{names[0].strip('/')}"


_RESOURCES: dict[str, ResourceArn] = {
    "cloudformation": _cloudformation,
    "ecr": _ecr,
    "events": _events,
    "iam": _iam,
    "kms": _kms,
    "lambda": _lambda,
    "logs": _logs,
    "ssm": _ssm,
}


def _field(body: bytes, name: str) -> str | None:
    """String field of a JSON request; None if it is missing or the JSON is malformed, which the service reports."""
    value = iam_actions._safe_json_field(body, name)
    return value if isinstance(value, str) and value else None


def _first(query: dict[str, Any], name: str) -> str | None:
    value = query.get(name)
    return (value[0] if value else None) if isinstance(value, list) else value
