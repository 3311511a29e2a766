"""Calls from a VPC reach an AWS service by its VPC endpoint, whose policy is asked too, or by a NAT or transit gateway.

A call that has no way gets a refusal at once, where on AWS its connection would time out. Who calls is known by the
access key: functions and jobs are placed when they get their role's credentials. Of jobs and endpoints, data and models
pass the VPC, but not logs, metrics and images.

Sources: "Access AWS services through AWS PrivateLink", "Gateway endpoints" and "Control access to VPC endpoints using
endpoint policies", AWS PrivateLink guide; "Give SageMaker Training Jobs Access to Resources in Your Amazon VPC",
SageMaker developer guide; "ImageConfig", SageMaker API reference (`Platform`).
"""

import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psutil
from ministack.core import iam_actions, iam_evaluator, lambda_runtime
from ministack.core.iam_evaluator import AuthError, EvalContext, EvalResult, evaluate_resource_policy
from ministack.core.responses import get_account_id, get_region, set_request_region
from ministack.services import ec2

from aws.routes import RouteTable, leads_out, table_of
from aws.security_groups import let_https_in
from local_aws.iam.authorization import caller

_VPC, _ENDPOINT = "aws:sourcevpc", "aws:sourcevpce"
# Names of endpoints that are not those of the services ("AWS services that integrate with AWS PrivateLink").
_NAMES = {"sagemaker": "sagemaker.api", "ecr": "ecr.api", "cloudwatch": "monitoring"}


@dataclass(frozen=True)
class Place:
    """Subnets and security groups of a caller; only calls of `services` go by them, or of all if it is empty."""

    subnets: tuple[str, ...]
    groups: tuple[str, ...]
    services: tuple[str, ...] = ()

    @property
    def vpc(self) -> str:
        return str(ec2._subnets.get(self.subnets[0], {}).get("VpcId", ""))


_places: dict[str, Place] = {}  # by access key


def place(access_key: str, config: Mapping[str, Any] | None, services: Collection[str] = ()) -> None:
    """Put the holder of a key into the VPC of `config`, a VpcConfig of Lambda or SageMaker; out of any without one."""
    config = config or {}
    if subnets := config.get("SubnetIds") or config.get("Subnets"):
        _places[access_key] = Place(tuple(subnets), tuple(config.get("SecurityGroupIds", ())), tuple(services))
    else:
        _places.pop(access_key, None)


def install() -> None:
    """Hold each request of a caller in a VPC to the ways out of it."""
    keys, decide = iam_actions.request_tag_context, iam_evaluator.enforce

    def with_network(service: str, iam_action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        known: dict[str, Any] = keys(service, iam_action, body, params)
        found = _places.get(caller.get())
        if found and (not found.services or service in found.services):
            known |= _source(found, _endpoint_name(iam_action))
        return known

    def enforce(
        access_key: str,
        action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> EvalResult | AuthError | None:
        if service_context and _VPC in service_context:
            refusal = _refusal(access_key, action, region, resource_arn, service_context)
            if refusal:
                return AuthError("AccessDenied" if service == "s3" else "AccessDeniedException", refusal)
        decided: EvalResult | AuthError | None = decide(
            access_key, action, service, region, resource_arn, service_context
        )
        return decided

    iam_actions.request_tag_context, iam_evaluator.enforce = with_network, enforce


def answer_refusal(client_port: int, path: str) -> str:
    """Reason why an answer to CloudFormation cannot leave the VPC of the sending function; "" if it can.

    Custom resources and wait conditions are answered by PUT to buckets of CloudFormation's: "Setting up VPC endpoints
    for AWS CloudFormation", CloudFormation user guide.
    """
    config = next((worker.config for worker in _functions_in_a_vpc() if _connects_from(worker, client_port)), None)
    if config is None:
        return ""
    region = config["FunctionArn"].split(":")[3]
    set_request_region(region)
    purpose = (
        "waitcondition-" + region if "cfn-signal" in path else "custom-resource-response-" + region.replace("-", "")
    )
    bucket = f"arn:aws:s3:::cloudformation-{purpose}/{path.rpartition('/')[2]}"
    found = Place(tuple(config["VpcConfig"]["SubnetIds"]), tuple(config["VpcConfig"].get("SecurityGroupIds", ())))
    # CloudFormation has signed the address: the caller is no principal of this account.
    context = EvalContext("*", "Service", "", "s3:PutObject", bucket, region)
    return _refused(context, _source(found, "s3"), "s3")


def _endpoint_name(action: str) -> str:
    service = action.partition(":")[0]
    return "sagemaker.runtime" if action == "sagemaker:InvokeEndpoint" else _NAMES.get(service, service)


def _source(found: Place, name: str) -> dict[str, str]:
    """Condition keys of a request: the VPC, and the endpoint it takes; no endpoint with another way, or with none."""
    service = f"com.amazonaws.{get_region()}.{name}"
    ways = (each["VpcEndpointId"] for each in ec2._vpc_endpoints.values() if _leads(each, found, service))
    way = next(ways, None)
    if way is None and _has_a_way_out(found):
        return {}  # aws:SourceVpc is there only for requests by an endpoint
    return {_VPC: found.vpc, **({_ENDPOINT: way} if way else {})}


def _refusal(key: str, action: str, region: str, resource: str, keys: Mapping[str, Any]) -> str:
    principal = iam_evaluator.resolve_principal(key, get_account_id())
    if isinstance(principal, AuthError):
        return ""  # MiniStack says so
    known = {name.lower(): value for name, value in keys.items()}
    context = EvalContext(
        principal.arn, principal.type, principal.account, action, resource, region,
        service_context=known, principal_keys=principal.keys,
    )  # fmt: skip
    return _refused(context, keys, _endpoint_name(action))


def _refused(context: EvalContext, keys: Mapping[str, Any], name: str) -> str:
    """Reason why a request does not pass; "" if it does. The second message is in AWS's words.

    Source: "Troubleshoot access denied error messages", IAM user guide.
    """
    if _VPC not in keys:
        return ""
    endpoint = keys.get(_ENDPOINT)
    if endpoint is None:
        start = keys[_VPC] or "a subnet that is not there"
        way = f"com.amazonaws.{context.region}.{name}"
        return f"{start} has no VPC endpoint {way} that {context.action} could take, or its security groups refuse it"
    policy = ec2._vpc_endpoints[endpoint].get("PolicyDocument")
    if not policy or evaluate_resource_policy(policy, context).decision == "Allow":
        return ""
    return (
        f"User: {context.principal_arn} is not authorized to perform: {context.action} on resource: "
        f"{context.resource_arn} because no VPC endpoint policy allows the {context.action} action"
    )


def _leads(endpoint: Mapping[str, Any], found: Place, service: str) -> bool:
    """True if the endpoint is of the service, and reached from all subnets and by all security groups."""
    if (endpoint["ServiceName"], endpoint["VpcId"]) != (service, found.vpc):
        return False
    if endpoint["VpcEndpointType"] == "Gateway":
        return all(_routes(subnet)["RouteTableId"] in endpoint["RouteTableIds"] for subnet in found.subnets)
    # Without private names, clients ask the service's public address.
    return bool(endpoint.get("PrivateDnsEnabled")) and _lets_in(endpoint.get("SecurityGroupIds", []), found)


def _routes(subnet: str) -> RouteTable:
    vpc = ec2._subnets[subnet]["VpcId"]
    return table_of(subnet, (table for table in ec2._route_tables.values() if table["VpcId"] == vpc))


def _has_a_way_out(found: Place) -> bool:
    return all(subnet in ec2._subnets and leads_out(_routes(subnet)) for subnet in found.subnets)


def _lets_in(groups: Collection[str], found: Place) -> bool:
    """True if the security groups of an endpoint allow HTTPS from the caller."""
    rules = [rule for group in groups for rule in ec2._security_groups[group]["IpPermissions"]]
    return all(let_https_in(rules, ec2._subnets[subnet]["CidrBlock"], found.groups) for subnet in found.subnets)


def _functions_in_a_vpc() -> Iterator[Any]:
    with lambda_runtime._lock:
        workers = [worker for pool in lambda_runtime._workers.values() for worker in pool]
    return (worker for worker in workers if (worker.config.get("VpcConfig") or {}).get("SubnetIds"))


def _connects_from(worker: Any, port: int) -> bool:
    with contextlib.suppress(psutil.Error, AttributeError):
        own = psutil.Process(worker._proc.pid)
        for process in (own, *own.children(recursive=True)):
            if any(each.laddr.port == port for each in process.net_connections("tcp")):
                return True
    return False
