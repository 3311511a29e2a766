"""Read the roles and resource policies of a synthesized app, and report what the gate cannot compare."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iam.errors import GateError
from iam.findings import GateFinding
from iam.policy import Grant, Role, Trust, conditions, listed
from iam.resolve import UNREADABLE, Resolver, Template, Unresolvable, readable, shown
from iam.source import FUNCTION, line_of
from iam.statements import FIX, StatementReader
from iam.structure import sane

FORBIDDEN_TYPES = {
    "AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::ManagedPolicy", "AWS::IAM::UserPolicy",
    "AWS::IAM::GroupPolicy", "AWS::IAM::User", "AWS::IAM::Group", "AWS::IAM::AccessKey",
}  # fmt: skip
# Resources with a policy: the word for what it is of, the property with the policy, and the one that names what it is
# of. A resource that is its own has none: it is called by its stack, and an endpoint by its service too.
_POLICIES = {
    "AWS::KMS::Key": ("key", "KeyPolicy", ""),
    "AWS::S3::BucketPolicy": ("bucket", "PolicyDocument", "Bucket"),
    "AWS::SNS::TopicPolicy": ("topic", "PolicyDocument", "Topics"),
    "AWS::SQS::QueuePolicy": ("queue", "PolicyDocument", "Queues"),
    "AWS::EC2::VPCEndpoint": ("endpoint", "PolicyDocument", "ServiceName"),
}
_OPEN = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}
"""Policy of a VPC endpoint that names none: "Control access to VPC endpoints", AWS PrivateLink guide."""
# The conditions that Lambda makes of a permission: "AddPermission", Lambda API reference.
_CONDITIONS = {
    "SourceArn": ("ArnLike", "aws:SourceArn"),
    "SourceAccount": ("StringEquals", "aws:SourceAccount"),
    "PrincipalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
}


class UnreadableFolder(GateError):
    """The folder was not written by `cdk synth`."""


@dataclass(frozen=True)
class AppRoles:
    """Templates of a synthesized app by stack name, and the roles in them and the resources with a policy."""

    templates: dict[str, Template]
    resolver: Resolver
    roles: tuple[Role, ...]
    findings: tuple[GateFinding, ...]


def load(folder: Path) -> dict[str, Template]:
    """Templates by stack name, from a folder that `cdk synth` wrote, those of its stages (nested assemblies) too.

    Raises:
        UnreadableFolder: when it has no manifest, a template is missing, or a file cannot be read.
    """
    try:
        templates: dict[str, Template] = {}
        for name, artifact in _json(folder / "manifest.json")["artifacts"].items():
            given = artifact.get("properties", {})
            if artifact["type"] == "aws:cloudformation:stack":
                templates[name] = _json(folder / given["templateFile"])
            elif artifact["type"] == "cdk:cloud-assembly":
                templates |= {f"{name}/{stack}": it for stack, it in load(folder / given["directoryName"]).items()}
        return templates
    except (OSError, *UNREADABLE) as error:
        raise UnreadableFolder(
            f"{folder} is not a synthesized app ({error}): run make synth, then give cdk.out"
        ) from error


def _json(path: Path) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        if twice := sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []:
            raise ValueError(f"{path.name} has {', '.join(twice)} twice in one object")
        return dict(pairs)

    return json.loads(path.read_text(), object_pairs_hook=once)


def read(templates: Mapping[str, Any]) -> AppRoles:
    """Roles of the templates, and resources with a policy; what is not plain becomes a finding."""
    readable_parts, findings = sane(templates)
    return read_sane(readable_parts, findings)


def read_sane(readable_parts: dict[str, Template], findings: Iterable[GateFinding] = ()) -> AppRoles:
    """Roles and resources with a policy, of templates or parts of them whose form is already checked."""
    reader = _TemplateReader(readable_parts)
    roles = [
        role
        for stack, template in readable_parts.items()
        for made in (reader.roles, reader.functions, reader.policies)
        for role in made(stack, template["Resources"])
    ]
    reader.check_names(roles)
    return AppRoles(readable_parts, reader.resolver, tuple(roles), (*findings, *reader.findings))


class _TemplateReader:
    def __init__(self, templates: dict[str, Template]) -> None:
        self.resolver = Resolver(templates)
        self.findings: list[GateFinding] = []
        self._read = StatementReader(self.resolver, self._find)

    def check_names(self, roles: list[Role]) -> None:
        """Find two roles of one name, of which AWS makes one alone; it does not tell capitals from small letters."""
        names = [role.name.lower() for role in roles]
        for role in roles:
            if names.count(role.name.lower()) > 1:
                self._find("roles", role.name, "", f"{role.stack}.{role.logical_id} is not the only one of this name",
                           "give each its own name, or put their statements together")  # fmt: skip

    def roles(self, stack: str, resources: Template) -> Iterator[Role]:
        for logical_id, resource in resources.items():
            place = f"{stack}.{logical_id}"
            if resource["Type"] in FORBIDDEN_TYPES:
                self._find(
                    "own-statements", place, "", f"it is an {resource['Type']}",
                    "write the statements into the role itself, in stacks/permissions",
                )  # fmt: skip
            if resource["Type"] == "AWS::IAM::Role":
                try:
                    yield self._role(stack, logical_id, resource.get("Properties", {}))
                except UNREADABLE as error:
                    self._find("resolve", place, "", f"it cannot be read: {error}", FIX)

    def _role(self, stack: str, logical_id: str, properties: Template) -> Role:
        name = f"{stack}.{logical_id}"
        try:
            name = readable(self.resolver.text(properties.get("RoleName", name), stack))
        except UNREADABLE as error:
            self._find("resolve", name, "", f"its name: {error}", FIX)
        if properties.get("ManagedPolicyArns"):
            self._find(
                "own-statements", name, "", "a managed policy is attached to it",
                "write out the actions it needs, in stacks/permissions",
            )  # fmt: skip
        policies = self._policies(name, properties.get("Policies", []))
        grants = [
            Grant(action, resource, block, sid)
            for policy in policies
            for _, action, _, resource, block, sid in self._read.parts(name, stack, policy, "Resource")
        ]
        trusts = [
            Trust(action, principal, block, sid)
            for _, action, principal, _, block, sid in self._read.parts(
                name, stack, properties.get("AssumeRolePolicyDocument"), "Principal"
            )
        ]
        return Role(name, stack, logical_id, tuple(trusts), tuple(grants))

    def _policies(self, name: str, policies: Any) -> list[Any]:
        """Documents of a role's policies."""
        if isinstance(policies, list) and all(isinstance(it, dict) and "PolicyDocument" in it for it in policies):
            return [policy["PolicyDocument"] for policy in policies]
        self._find("resolve", name, "", f"its policies are {shown(policies)}, no list of policies", "write them out")
        return []

    def functions(self, stack: str, resources: Template) -> Iterator[Role]:
        """Functions that others may call by their policy, which CloudFormation makes of permissions."""
        callers: dict[str, list[tuple[str, Trust]]] = {}
        for logical_id, resource in resources.items():
            if resource["Type"] == "AWS::Lambda::Permission":
                try:
                    name, trust = self._caller(stack, logical_id, resource["Properties"])
                    callers.setdefault(name, []).append((logical_id, trust))
                except UNREADABLE as error:
                    self._find("resolve", f"{stack}.{logical_id}", "", f"it cannot be read: {error}", FIX)
        for name, found in callers.items():
            yield Role(name, stack, found[0][0], tuple(trust for _, trust in found), ())

    def _caller(self, stack: str, logical_id: str, properties: Template) -> tuple[str, Trust]:
        """Name of a permission's function, and who may call it. A service's principal has a dot in it."""
        given = {name: self.resolver.text(value, stack) for name, value in properties.items()}
        principal = given.pop("Principal")
        kind = "Service" if "." in principal else "AWS"
        name, action = given.pop("FunctionName"), given.pop("Action")
        block = {_CONDITIONS[key]: value for key, value in given.items() if key in _CONDITIONS}
        if unknown := sorted(given.keys() - _CONDITIONS.keys()):
            raise Unresolvable(f"the permission has {', '.join(unknown)}, which the gate does not know")
        by_operator: dict[str, dict[str, list[str]]] = {}
        for (operator, key), value in block.items():
            by_operator.setdefault(operator, {})[key] = [value]
        [condition] = conditions(by_operator)
        return f"{FUNCTION}{readable(name)}", Trust(action, f"{kind} {principal}", condition, logical_id)

    def policies(self, stack: str, resources: Template) -> Iterator[Role]:
        """Resources whose policy lets somebody in, or keeps somebody out."""
        for logical_id, resource in resources.items():
            if resource["Type"] not in _POLICIES:
                continue
            kind, document, of = _POLICIES[resource["Type"]]
            properties = resource.get("Properties", {})
            try:
                names = [self.resolver.text(one, stack) for one in listed(properties[of])] if of else [stack]
                policy = properties[document] if kind != "endpoint" else properties.get(document, _OPEN)
                for name in names:
                    called = readable(f"{kind} {stack} {name}" if kind == "endpoint" else f"{kind} {name}")
                    trusts = [
                        Trust(action, principal, block, sid, target, effect)
                        for effect, action, principal, target, block, sid in self._read.parts(
                            called, stack, policy, "Principal", "Resource"
                        )
                    ]
                    yield Role(called, stack, logical_id, tuple(trusts), ())
            except UNREADABLE as error:
                self._find("resolve", f"{stack}.{logical_id}", "", f"it cannot be read: {error}", FIX)

    def _find(self, rule: str, role: str, sid: str, message: str, fix: str) -> None:
        self.findings.append(GateFinding(rule, role, sid, line_of(role, sid), message, fix))
