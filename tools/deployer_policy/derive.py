"""Derive what CloudFormation's execution role needs from the templates of a synthesized app.

An action is needed if the schema of a resource's type asks for it and the template uses its part (narrowing.py), or if
local AWS asks for it when it makes, changes or removes the resource (local_aws/iam/resource_actions.py). Its resource
is the ARN of what the template names; `*` where CloudFormation generates the name, or where AWS has no resource.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from aws import service_linked_roles
from aws.scaling_permissions import validated
from iam import facts
from iam.resolve import Resolver, Template, Unresolvable
from local_aws.iam.resource_actions import actions_of
from local_aws.iam.type_actions import OPERATIONS, TypeActions
from settings import names
from tools.deployer_policy.narrowing import used, without_resource
from tools.deployer_policy.needs import LOCAL, SCHEMA, Condition, DeployPlace, Need, ResourceNeeds, generated
from tools.deployer_policy.schemas import permissions

_BOTH = f"{SCHEMA} and {LOCAL}"

_SAGEMAKER = "sagemaker.amazonaws.com"
# The service to which a type's resources pass the roles that they name.
_PASSED_TO = {
    "AWS::Events": "events.amazonaws.com",
    "AWS::IAM": "ec2.amazonaws.com",
    "AWS::Lambda": "lambda.amazonaws.com",
    "AWS::SageMaker": _SAGEMAKER,
}
# CloudFormation resolves Fn::GetAZs with the role's permissions: "Fn::GetAZs", CloudFormation template reference.
_ZONES = {f"ec2:Describe{what}" for what in ("AccountAttributes", "AvailabilityZones", "Subnets")}
_ROLE = re.compile(r"arn:[^:]*:iam::[^:]*:role/(?!aws-service-role/)\S+")
_SCALING = "AWS::ApplicationAutoScaling::ScalableTarget"
# Types with actions on the resource's ARN, and others on that of its parts. Those of a log group are on `GROUP:*`, but
# for tags: "Overview of managing access permissions to your CloudWatch Logs resources", CloudWatch Logs user guide.
_WITH_PARTS = ("AWS::Lambda::Alias", "AWS::Logs::LogGroup")
# Actions that need `*` for a type, though they have a resource: PutCompositeAlarm and DescribeAlarms, CloudWatch API
# reference ("scoped to *").
_EVERYWHERE = {"AWS::CloudWatch::CompositeAlarm": ("cloudwatch:PutCompositeAlarm", "cloudwatch:DescribeAlarms")}


def resources(templates: Mapping[str, Template], place: DeployPlace) -> list[ResourceNeeds]:
    """Every resource of the templates, in their order, with its needs, and each stack's parameters as a resource."""
    reader = _Reader(dict(templates), place)
    return [
        ResourceNeeds(stack, logical_id, type_, tuple(sorted(needs, key=str)))
        for stack in templates
        for logical_id, type_, needs in reader.of_stack(stack)
    ]


class _Reader:
    def __init__(self, templates: dict[str, Template], place: DeployPlace) -> None:
        self._templates, self._place = templates, place
        self._anywhere = replace(place, partition="aws")  # `_need` writes the partition
        self._where = {"region": place.region, "account": place.account}
        self._resolver = Resolver(templates)
        self._endpoint = self._name_of_endpoint()
        self._given: dict[str, set[str]] = defaultdict(set)
        for template in templates.values():
            for resource in template.get("Resources", {}).values():
                self._given[resource["Type"]] |= resource.get("Properties", {}).keys()

    def _name_of_endpoint(self) -> str:
        """Name of the endpoint, which follows its instance type; empty where it is off."""
        for stack, template in self._templates.items():
            for resource in template.get("Resources", {}).values():
                if resource["Type"] == "AWS::SageMaker::Endpoint":
                    return self._resolver.text(resource["Properties"]["EndpointName"], stack)
        return ""

    def of_stack(self, stack: str) -> Iterator[tuple[str, str, set[Need]]]:
        template = self._templates[stack]
        parameters = {
            self._need(
                "ssm:GetParameters", self._parameter(str(parameter["Default"])), "AWS::SSM::Parameter::Value", _BOTH
            )
            for parameter in template.get("Parameters", {}).values()
            if parameter["Type"].startswith("AWS::SSM::Parameter::Value")
        }
        if parameters:
            yield "Parameters", "AWS::SSM::Parameter::Value", parameters
        for logical_id, resource in template.get("Resources", {}).items():
            yield logical_id, resource["Type"], self._needs(stack, resource)

    def _needs(self, stack: str, resource: Template) -> set[Need]:
        type_, table = resource["Type"], actions_of(resource["Type"])
        properties = {name: self._filled(value, stack) for name, value in resource.get("Properties", {}).items()}
        asked = {action for name in OPERATIONS for action, _ in table.needed(name, None, properties, self._where)}
        asked |= {action for action, _ in _used(table, properties)}
        if type_.startswith("AWS::SageMaker::") and properties.get("Tags"):
            asked.add("sagemaker:AddTags")
        schema = {
            action for action in permissions(type_, self._place.region) if used(type_, action, self._given[type_])
        }
        if "Fn::GetAZs" in json.dumps(resource):
            schema |= _ZONES
        own = self._arns(type_, table, properties)
        found = set()
        for action in asked | schema:
            by = _BOTH if action in asked & schema else LOCAL if action in asked else SCHEMA
            for arn in ["*"] if action in _EVERYWHERE.get(type_, ()) else self._on(action, own):
                found.add(self._need(action, arn, type_, by))
        return found | self._on_others(type_, table, properties, schema)

    def _arns(self, type_: str, table: TypeActions, properties: Mapping[str, Any]) -> list[str]:
        """ARNs of the resource; the ways to requests of API Gateway, whose ids it generates."""
        if type_.startswith("AWS::ApiGatewayV2::"):
            return [f"arn:aws:apigateway:{self._place.region}::/{path}" for path in ("apis", "apis/*", "tags/*")]
        if type_.startswith("AWS::EC2::"):  # which generates every id
            return [f"arn:aws:ec2:{self._place.region}:{self._place.account}:*/*"]
        arns = [generated(arn) for arn in table.resources(None, properties, self._where)]
        return arns + [f"{arn}:*" for arn in arns if type_ in _WITH_PARTS]

    def _on(self, action: str, own: list[str]) -> list[str]:
        """Resources on which an action of the type's handlers is granted; none if it is about others."""
        service = action.partition(":")[0]
        known = facts.load().action(action)
        if without_resource(action) or (known and not known.resource_types):
            return ["*"]
        if action == "ec2:RunInstances":
            return [*own, f"arn:aws:ec2:{self._place.region}::image/*"]
        if known is None:
            return own if service == own[0].split(":")[2] else []
        return [arn for arn in own if set(facts.load().resource_types(action, arn)) & set(known.resource_types)]

    def _on_others(self, type_: str, table: TypeActions, properties: Mapping[str, Any], schema: set[str]) -> set[Need]:
        """Needs on roles, keys and other resources that the properties name."""
        region, account = self._place.region, self._place.account
        key = f"arn:aws:kms:{region}:{account}:key/*"
        found = set()
        service = _PASSED_TO.get(type_.rpartition("::")[0])
        local = set(table.roles(properties))
        if "iam:PassRole" in schema or local:
            roles = {(role, service) for role in self._roles(type_, properties) if service} | local
            found |= {
                self._need("iam:PassRole", role, type_, by, ("StringEquals", "iam:PassedToService", to))
                for role, to in roles
                # SageMaker's own operations ask for it on local AWS (local_aws/sagemaker/caller.py).
                for by in [_BOTH if (role, to) in local or to == _SAGEMAKER else SCHEMA]
            }
        for action, arn in _used(table, properties):
            by = _BOTH if action in schema else LOCAL
            found.add(
                self._need(action, key if action.startswith("kms:") else re.sub(r"[^/]*\.zip$", "*", arn), type_, by)
            )
        if type_ == "AWS::Lambda::Function" and "s3:GetObjectVersion" in schema:
            found |= {
                self._need("s3:GetObjectVersion", need.resource, type_, SCHEMA)
                for need in found
                if need.action == "s3:GetObject"
            }
        if "KmsKeyId" in properties:  # ends in `*` where this deploy makes the key
            named = str(properties["KmsKeyId"])
            found |= {self._need(action, named, type_, SCHEMA) for action in schema if action.startswith("kms:")}
        if type_ == "AWS::SageMaker::Endpoint":
            found |= self._of_endpoint(key)
        if type_ == "AWS::SageMaker::NotebookInstance":
            found.add(self._need("kms:CreateGrant", str(properties["KmsKeyId"]), type_, _BOTH))
        if type_ == _SCALING:
            found |= self._of_target(properties, schema)
        if type_ == "AWS::ApplicationAutoScaling::ScalingPolicy":
            found.add(self._need("cloudwatch:GetMetricData", "*", type_, SCHEMA))
        return found

    def _of_endpoint(self, key: str) -> set[Need]:
        """The configuration that an endpoint is made of, and the grant of its key, which its caller makes.

        Source: "KmsKeyId", CreateEndpointConfig, SageMaker API reference.
        """
        type_ = "AWS::SageMaker::Endpoint"
        config = f"arn:aws:sagemaker:{self._place.region}:{self._place.account}:endpoint-config/*"
        needs = {self._need(f"sagemaker:{verb}Endpoint", config, type_, LOCAL) for verb in ("Create", "Update")}
        if "KmsKeyId" in self._given["AWS::SageMaker::EndpointConfig"]:
            needs.add(self._need("kms:CreateGrant", key, type_, LOCAL))
        return needs

    def _of_target(self, properties: Mapping[str, Any], schema: set[str]) -> set[Need]:
        """Permissions to register a scalable target, to keep environments, and to make the service-linked role.

        Source: "Identity-based policies", Application Auto Scaling user guide.
        """
        region, account, namespace = self._place.region, self._place.account, properties["ServiceNamespace"]
        role = f"arn:aws:iam::{account}:role/{service_linked_roles.path_and_name(namespace)}"
        linked = ("StringEquals", "iam:AWSServiceName", service_linked_roles.service(namespace))
        needs = {self._need("iam:CreateServiceLinkedRole", role, _SCALING, _BOTH, linked)}
        needs |= {
            self._need(action, resource, _SCALING, _BOTH if action in schema else LOCAL)
            for action, resource in validated(namespace, region, account).items()
        }
        if namespace == "lambda":
            function = properties["ResourceId"].split(":")[1]
            aliases = f"arn:aws:lambda:{region}:{account}:function:{function}:*"
            needs |= {
                self._need(f"lambda:{verb}ProvisionedConcurrencyConfig", aliases, _SCALING, SCHEMA)
                for verb in ("Get", "Put", "Delete")
            }
        return needs

    def _roles(self, type_: str, properties: Mapping[str, Any]) -> set[str]:
        if type_ == "AWS::IAM::InstanceProfile":
            return {
                f"arn:aws:iam::{self._place.account}:role{properties.get('Path', '/')}{name}"
                for name in properties["Roles"]
            }
        return set(_texts(properties, _ROLE))

    def _parameter(self, name: str) -> str:
        owner = "*" if name.startswith("/aws/") else self._place.account  # AWS's own have no account
        return f"arn:aws:ssm:{self._place.region}:{owner}:parameter/{name.strip('/')}"

    def _filled(self, value: Any, stack: str) -> Any:
        """A property with its intrinsic functions resolved, as far as they can be."""
        if isinstance(value, list):
            return [self._filled(item, stack) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref")):
            try:
                return self._anywhere.filled(self._resolver.text(value, stack))
            except Unresolvable:
                return "*"
        return {name: self._filled(item, stack) for name, item in value.items()}

    def _need(self, action: str, resource: str, type_: str, by: str, condition: Condition | None = None) -> Need:
        asked_by = frozenset({SCHEMA, LOCAL} if by == _BOTH else {by})
        resource = resource.replace("arn:aws:", f"arn:{self._place.partition}:", 1)
        if self._endpoint:  # the one of another instance type is made before, or removed after
            resource = resource.replace(self._endpoint, names.endpoint_name_pattern(self._endpoint.rpartition("-")[0]))
        return Need(action, resource, condition, frozenset([type_]), asked_by)


def _used(table: TypeActions, properties: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Permissions that any of the operations needs on other resources, as (action, ARN)."""
    return {use for name in OPERATIONS for use in table.used(name, properties)}


def _texts(value: Any, pattern: re.Pattern[str]) -> Iterator[str]:
    """Texts in a property that match the pattern as a whole."""
    if isinstance(value, str):
        if pattern.fullmatch(value):
            yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item, pattern)
