"""Installs our services in MiniStack, through internals of its pinned version (guarded by a contract test)."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from ministack import app
from ministack.core import iam_actions, router
from ministack.services.cloudformation import provisioners, stacks

from local_aws import (
    alarms,
    budget_type,
    composite_alarm_type,
    event_metrics,
    filter_patterns,
    object_limits,
    private_network,
    quotas,
    region_types,
    stack_operations,
    stack_refusals,
    template_conditions,
)
from local_aws.calls import Recorder
from local_aws.ec2 import cloudformation as ec2_types
from local_aws.ec2 import instances as ec2_instances
from local_aws.ec2 import offerings as ec2_offerings
from local_aws.ec2 import security_group_rules, vpc_endpoints
from local_aws.functions import account_limit, asynchronous
from local_aws.functions import concurrency as function_concurrency
from local_aws.functions import log_lines as function_log_lines
from local_aws.functions import metrics as function_metrics
from local_aws.functions import roles as function_roles
from local_aws.functions import vpc as function_vpc
from local_aws.home import ACCOUNT, Home
from local_aws.http_api import cloudformation as http_api_types
from local_aws.http_api import host as http_api_host
from local_aws.http_api import requests as http_api_requests
from local_aws.http_api import tokens as http_api_tokens
from local_aws.iam import (
    administrator,
    authorization,
    object_encryption,
    passed_roles,
    policy_variables,
    role_boundaries,
    service_calls,
    service_linked_roles,
    stack_authorization,
)
from local_aws.iam import requests as iam_requests
from local_aws.iam.requests import ResourceArn, extend_resource_arn
from local_aws.images import ecr as container_registry
from local_aws.sagemaker import api as sagemaker_api
from local_aws.sagemaker import cloudformation as sagemaker_types
from local_aws.sagemaker import endpoint_metrics, events, invocation
from local_aws.scaling import api as scaling_api
from local_aws.scaling import cloudformation as scaling_cloudformation
from local_aws.scaling import evaluator as scaling_evaluator
from local_aws.service import Response

Handler = Callable[[str, str, dict[str, str], bytes, dict[str, Any]], Awaitable[Response]]


def install() -> None:
    """Authorise and record every call; add SageMaker, Application Auto Scaling, EC2 and their CloudFormation types."""
    administrator.install(ACCOUNT)
    authorization.install(Recorder(Home.from_environment().calls))
    policy_variables.install()
    iam_requests.install()
    private_network.install()
    object_encryption.install()
    object_limits.install()
    filter_patterns.install()
    passed_roles.install()
    role_boundaries.install()
    asynchronous.install()
    service_calls.install()
    service_linked_roles.install()
    function_log_lines.install()
    function_metrics.install()
    function_roles.install()
    function_concurrency.install()
    account_limit.install()
    function_vpc.install()
    template_conditions.install()
    region_types.install()
    stack_refusals.install()
    stack_operations.install()
    stack_authorization.install()
    alarms.install()
    event_metrics.install()
    events.install()
    ec2_instances.install()
    ec2_offerings.install()
    vpc_endpoints.install()
    container_registry.install()
    http_api_host.install()
    http_api_requests.install()
    http_api_tokens.install()
    http_api_types.install()
    _add_service(
        "sagemaker",
        _sagemaker,
        target_prefix="SageMaker",
        botocore_services=["sagemaker-runtime"],
        resource_arn=sagemaker_api.resource_arn,
    )
    _add_service(
        "application-autoscaling",
        scaling_api.handle,
        target_prefix="AnyScaleFrontendService",
        botocore_services=["application-autoscaling"],
        resource_arn=scaling_api.resource_arn,
    )
    _add_service(
        "servicequotas",
        quotas.handle,
        target_prefix="ServiceQuotasV20190624",
        botocore_services=["service-quotas"],
        resource_arn=quotas.resource_arn,
    )
    _add_service(
        "freetier",
        ec2_offerings.handle,
        target_prefix="AWSFreeTierService",
        botocore_services=["freetier"],
        resource_arn=ec2_offerings.resource_arn,
    )
    types = {
        **sagemaker_types.TYPES,
        **scaling_cloudformation.TYPES,
        **budget_type.TYPES,
        **composite_alarm_type.TYPES,
        **ec2_types.TYPES,
    }
    for name, type_ in types.items():
        provisioners._RESOURCE_HANDLERS[name] = type_.handlers()
        provisioners._REPLACING_PROPERTIES[name] = type_.replacing
    provisioners._RESOURCE_HANDLERS.update(security_group_rules.HANDLERS)
    _run_on_worker_threads(
        {*sagemaker_types.TYPES, *ec2_types.TYPES, function_concurrency.ALIAS, http_api_types.AUTHORIZER}
    )


def steps() -> list[Callable[[float], None]]:
    """Periodic steps in their order: replace what died, publish metrics, then evaluate alarms, then scale."""
    return [
        _replace_dead,
        lambda now: endpoint_metrics.observe(sagemaker_api.endpoints.all(), now),
        alarms.evaluate_due,
        scaling_evaluator.evaluate,
    ]


def _replace_dead(_: float) -> None:
    for endpoint in sagemaker_api.endpoints.all():
        endpoint.replace_dead()


async def _sagemaker(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Response:
    """Handle SageMaker and SageMaker Runtime, which share a signing name and differ in their paths."""
    if path.startswith("/endpoints/"):
        return await invocation.handle(method, path, headers, body)
    return await sagemaker_api.handle(method, path, headers, body, query)


def _add_service(
    name: str,
    handler: Handler,
    *,
    target_prefix: str,
    botocore_services: list[str],
    resource_arn: ResourceArn,
) -> None:
    app.SERVICE_HANDLERS[name] = handler
    app._loaded_modules[name] = SimpleNamespace(
        handle_request=handler,
        reset=lambda: None,
        get_state=lambda: None,
        load_persisted_state=lambda _: None,
    )
    router.SERVICE_PATTERNS[name] = {"target_prefixes": [target_prefix], "credential_scope": name}
    # Without these two entries, MiniStack does not authorise calls of the service.
    iam_actions.SERVICE_TO_IAM_NAMESPACE[name] = name
    iam_actions._BOTOCORE_SERVICE_MAP[name] = botocore_services
    extend_resource_arn(name, resource_arn)


def _run_on_worker_threads(types: set[str]) -> None:
    """Provision these types on worker threads: waiting, such as for an endpoint, would block the event loop."""
    original = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda type_: type_ in types or original(type_)
