"""Read the roles of a synthesized app, and report statements that the gate cannot compare."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iam.errors import GateError
from iam.findings import GateFinding
from iam.policy import Conditions, Grant, Role, Trust, conditions, listed
from iam.resolve import Resolver, Template, Unresolvable, readable
from iam.source import FUNCTION, line_of

_FORBIDDEN_TYPES = {
    "AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::ManagedPolicy", "AWS::IAM::UserPolicy",
    "AWS::IAM::GroupPolicy", "AWS::IAM::User", "AWS::IAM::Group", "AWS::IAM::AccessKey",
}  # fmt: skip
# The conditions that Lambda makes of a permission: "AddPermission", Lambda API reference.
_CONDITIONS = {
    "SourceArn": ("ArnLike", "aws:SourceArn"),
    "SourceAccount": ("StringEquals", "aws:SourceAccount"),
    "PrincipalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
}
_Parts = tuple[str, str, Conditions, str]  # action, resource or principal, conditions, Sid


class UnreadableFolder(GateError):
    """The folder was not written by `cdk synth`."""


@dataclass(frozen=True)
class AppRoles:
    """Templates of a synthesized app by stack name, and the roles and called functions in them."""

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
    """Roles of the templates, and functions that have a policy; anything but plain permissions becomes a finding."""
    reader = _TemplateReader(templates)
    roles = [
        role
        for stack, template in templates.items()
        for logical_id, resource in template.get("Resources", {}).items()
        for role in reader.roles(stack, logical_id, resource)
    ]
    functions = [function for stack, template in templates.items() for function in reader.functions(stack, template)]
    return AppRoles(templates, reader.resolver, (*roles, *functions), tuple(reader.findings))


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
            name = readable(self.resolver.text(properties.get("RoleName", f"{stack}.{logical_id}"), stack))
        except Unresolvable as error:
            name = f"{stack}.{logical_id}"
            self._find("resolve", name, "", f"its name: {error}", "use text, Ref, GetAtt, Join, Sub or ImportValue")
        if properties.get("ManagedPolicyArns"):
            self._find(
                "own-statements", name, "", "a managed policy is attached to it",
                "write out the actions it needs, in stacks/permissions",
            )  # fmt: skip
        policies = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        trust = properties.get("AssumeRolePolicyDocument", {})
        grants = [Grant(*parts) for policy in policies for parts in self._parts(name, stack, policy, "Resource")]
        trusts = [Trust(*parts) for parts in self._parts(name, stack, trust, "Principal")]
        yield Role(name, stack, logical_id, tuple(trusts), tuple(grants))

    def functions(self, stack: str, template: Template) -> Iterator[Role]:
        """The functions that others may call by their policy, which CloudFormation makes of permissions."""
        callers: dict[str, list[tuple[str, Trust]]] = {}
        for logical_id, resource in template.get("Resources", {}).items():
            if resource["Type"] == "AWS::Lambda::Permission":
                try:
                    name, trust = self._caller(stack, logical_id, resource["Properties"])
                    callers.setdefault(name, []).append((logical_id, trust))
                except Unresolvable as error:
                    fix = "use text, Ref, GetAtt, Join, Sub or ImportValue"
                    self._find("resolve", f"{stack}.{logical_id}", "", str(error), fix)
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

    def _parts(self, role: str, stack: str, document: Template, subject: str) -> Iterator[_Parts]:
        """Each action of a document's statements with each subject and each single-valued condition block."""
        for statement in listed(document.get("Statement", [])):
            sid = statement.get("Sid", "trust" if subject == "Principal" else "")
            if not self._plain(role, sid, statement, subject):
                continue
            try:
                subjects = self._subjects(statement.get(subject, []), stack, subject)
                blocks = self._conditions(statement, stack)
            except Unresolvable as error:
                self._find("resolve", role, sid, str(error), "use text, Ref, GetAtt, Join, Sub or ImportValue")
                continue
            for action, text, block in itertools.product(listed(statement.get("Action", [])), subjects, blocks):
                yield action, text, block, sid

    def _subjects(self, value: Any, stack: str, subject: str) -> list[str]:
        """Resources, or principals as `Service lambda.amazonaws.com`."""
        if subject == "Resource":
            return self._texts(value, stack)
        kinds = value if isinstance(value, dict) else {"AWS": value}
        return [f"{kind} {text}" for kind, values in kinds.items() for text in self._texts(values, stack)]

    def _plain(self, role: str, sid: str, statement: dict[str, Any], subject: str) -> bool:
        odd = sorted(set(statement) - {"Sid", "Effect", "Action", "Condition", subject})
        if odd:
            fix = "list what is allowed, with Action and Resource"
            self._find("plain-allow", role, sid, f"it has {', '.join(odd)}, which cannot be compared with a list", fix)
        if statement.get("Effect") != "Allow":
            self._find("plain-allow", role, sid, f"its effect is {statement.get('Effect')!r}", "allow less instead")
        return not odd and statement.get("Effect") == "Allow"

    def _conditions(self, statement: dict[str, Any], stack: str) -> list[Conditions]:
        block = {
            operator: {key: self._texts(values, stack) for key, values in keys.items()}
            for operator, keys in statement.get("Condition", {}).items()
        }
        return conditions(block)

    def _texts(self, values: Any, stack: str) -> list[str]:
        return [self.resolver.text(value, stack) for value in listed(values)]

    def _find(self, rule: str, role: str, sid: str, message: str, fix: str) -> None:
        self.findings.append(GateFinding(rule, role, sid, line_of(role, sid), message, fix))
