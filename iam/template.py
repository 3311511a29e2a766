"""Read the roles of a synthesized app, and report statements that the gate cannot compare."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iam.errors import GateError
from iam.findings import GateFinding
from iam.policy import Grant, Role, Trust, conditions, listed
from iam.resolve import Resolver, Template, Unresolvable
from iam.source import line_of

_FORBIDDEN_TYPES = {
    "AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::ManagedPolicy", "AWS::IAM::UserPolicy",
    "AWS::IAM::GroupPolicy", "AWS::IAM::User", "AWS::IAM::Group", "AWS::IAM::AccessKey",
}  # fmt: skip
_STATEMENT_KEYS = {"Sid", "Effect", "Action", "Resource", "Condition"}
_TRUST_KEYS = {"Sid", "Effect", "Action", "Principal", "Condition"}


class UnreadableFolder(GateError):
    """The folder was not written by `cdk synth`."""


@dataclass(frozen=True)
class AppRoles:
    """Templates of a synthesized app by stack name, and the roles in them."""

    templates: dict[str, Template]
    resolver: Resolver
    roles: tuple[Role, ...]
    findings: tuple[GateFinding, ...]


def load(folder: Path) -> dict[str, Template]:
    """Templates by stack name, from a folder that `cdk synth` wrote.

    Raises:
        UnreadableFolder: when it has no manifest or a template is missing.
    """
    try:
        artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"]
        stacks = {n: a for n, a in artifacts.items() if a["type"] == "aws:cloudformation:stack"}
        return {n: json.loads((folder / a["properties"]["templateFile"]).read_text()) for n, a in stacks.items()}
    except (OSError, ValueError, KeyError) as error:
        raise UnreadableFolder(
            f"{folder} is not a synthesized app ({error}): run make synth, then give cdk.out"
        ) from error


def read(templates: dict[str, Template]) -> AppRoles:
    """Roles of the templates; anything but allow statements of plain roles becomes a finding."""
    reader = _TemplateReader(templates)
    roles = [
        role
        for stack, template in templates.items()
        for logical_id, resource in template.get("Resources", {}).items()
        for role in reader.roles(stack, logical_id, resource)
    ]
    return AppRoles(templates, reader.resolver, tuple(roles), tuple(reader.findings))


class _TemplateReader:
    def __init__(self, templates: dict[str, Template]) -> None:
        self.resolver = Resolver(templates)
        self.findings: list[GateFinding] = []

    def roles(self, stack: str, logical_id: str, resource: Template) -> Iterator[Role]:
        if resource["Type"] in _FORBIDDEN_TYPES:
            self._find(
                "own-statements", f"{stack}.{logical_id}", "", f"it is an {resource['Type']}",
                "write the statements into the role itself, in stacks/permissions",
            )  # fmt: skip
        if resource["Type"] != "AWS::IAM::Role":
            return
        properties = resource.get("Properties", {})
        try:
            name = self.resolver.text(properties.get("RoleName", f"{stack}.{logical_id}"), stack)
        except Unresolvable as error:
            name = f"{stack}.{logical_id}"
            self._find("resolve", name, "", f"its name: {error}", "use text, Ref, GetAtt, Join, Sub or ImportValue")
        if properties.get("ManagedPolicyArns"):
            self._find(
                "own-statements", name, "", "a managed policy is attached to it",
                "write out the actions it needs, in stacks/permissions",
            )  # fmt: skip
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        grants = [
            grant
            for document in documents
            for statement in listed(document.get("Statement", []))
            for grant in self._statement(name, stack, statement)
        ]
        trusts = [
            trust
            for statement in listed(properties.get("AssumeRolePolicyDocument", {}).get("Statement", []))
            for trust in self._trust(name, stack, statement)
        ]
        yield Role(name, stack, logical_id, tuple(trusts), tuple(grants))

    def _statement(self, role: str, stack: str, statement: dict[str, Any]) -> list[Grant]:
        sid = statement.get("Sid", "")
        if not self._plain(role, sid, statement, _STATEMENT_KEYS):
            return []
        try:
            texts = self._texts(statement.get("Resource", []), stack)
            blocks = self._conditions(statement, stack)
        except Unresolvable as error:
            self._find("resolve", role, sid, str(error), "use text, Ref, GetAtt, Join, Sub or ImportValue")
            return []
        return [
            Grant(action, resource, block, sid)
            for action in listed(statement.get("Action", []))
            for resource in texts
            for block in blocks
        ]

    def _trust(self, role: str, stack: str, statement: dict[str, Any]) -> list[Trust]:
        sid = statement.get("Sid", "trust")
        if not self._plain(role, sid, statement, _TRUST_KEYS):
            return []
        principal = statement.get("Principal", {})
        principals = {"AWS": principal} if isinstance(principal, str) else principal
        try:
            blocks = self._conditions(statement, stack)
            named = [(kind, who) for kind, whos in principals.items() for who in self._texts(whos, stack)]
        except Unresolvable as error:
            self._find("resolve", role, sid, str(error), "use text, Ref, GetAtt, Join, Sub or ImportValue")
            return []
        return [
            Trust(f"{kind} {who}", action, block, sid)
            for kind, who in named
            for action in listed(statement.get("Action", []))
            for block in blocks
        ]

    def _plain(self, role: str, sid: str, statement: dict[str, Any], known: set[str]) -> bool:
        odd = sorted(set(statement) - known)
        if odd:
            fix = "list what is allowed, with Action and Resource"
            self._find("plain-allow", role, sid, f"it has {', '.join(odd)}, which cannot be compared with a list", fix)
        if statement.get("Effect") != "Allow":
            self._find("plain-allow", role, sid, f"its effect is {statement.get('Effect')!r}", "allow less instead")
        return not odd and statement.get("Effect") == "Allow"

    def _conditions(self, statement: dict[str, Any], stack: str) -> list[Any]:
        block = {
            operator: {key: self._texts(values, stack) for key, values in keys.items()}
            for operator, keys in statement.get("Condition", {}).items()
        }
        return conditions(block)

    def _texts(self, values: Any, stack: str) -> list[str]:
        return [self.resolver.text(value, stack) for value in listed(values)]

    def _find(self, rule: str, role: str, sid: str, message: str, fix: str) -> None:
        self.findings.append(GateFinding(rule, role, sid, line_of(role, sid), message, fix))
