"""Hold every resource of the templates to the contract: which types there are, and which properties each has.

A resource that others rely on has a line of its own, by type and name: with which role it runs, whom it calls, whose
code it takes. One without a name of its own has the name of its stack; where several share that, one's line has its
logical id too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aws.registries import REGISTRY_ACCOUNTS
from iam.contract_text import ContractText
from iam.findings import GateFinding
from iam.forms import Form, Matcher
from iam.resolve import UNREADABLE, Resolver, Template, readable, shown
from iam.source import source_of
from iam.template import FORBIDDEN_TYPES, AppRoles

_EVERYWHERE = {"Tags?": None}
_WITHOUT_DATA = {"DeletionPolicy?": "Delete", "UpdateReplacePolicy?": "Delete"}


@dataclass(frozen=True)
class Held:
    """A line of the contract about a type, or about one resource.

    Attributes:
        has: form of its properties.
        kept: form of its deletion policies.
        optional: the setting without which there may be none; empty where there must be one.
        several: true where there may be more than one of a name, or one alone of those without a name.
        why: reason for the line of a resource.
    """

    where: str
    has: Mapping[str, Form]
    kept: Mapping[str, Form]
    optional: str
    several: bool
    why: str


@dataclass(frozen=True)
class Inventory:
    """Types, and resources by type and name, that the templates may have; and forms of sections of a template."""

    types: Mapping[str, Held]
    resources: Mapping[str, Held] = field(default_factory=dict)
    sections: Mapping[str, Form] = field(default_factory=dict)


def read(text: str, variables: Mapping[str, str], file: str = "iam/contract.yaml") -> Inventory:
    """Types and resources of the contract, with its variables filled in.

    Raises:
        ContractError: with every problem.
    """
    contract = ContractText(text, variables, file)
    found: dict[str, dict[str, Held]] = {"types": {}, "resources": {}}
    for section, held in found.items():
        for name, value in contract.section(section):
            with contract.reading(name, value):
                line = getattr(value, "line", 1)
                if unknown := value.keys() - {"has", "when", "optional", "several", "why", "kept"}:
                    contract.problem(line, f"{name}: {', '.join(sorted(unknown))} is not known")
                elif contract.holds(value, line):
                    has, kept = (_filled(contract, value.get(key) or {}, line) for key in ("has", "kept"))
                    optional, why = str(value.get("optional", "")), str(value.get("why", ""))
                    several = value.get("several") is True
                    held[contract.fill(name, line)] = Held(f"{file}:{line}", has, kept, optional, several, why)
    sections = {name: _filled(contract, value, 1) for name, value in contract.section("sections")}
    contract.refuse_problems()
    return Inventory(found["types"], found["resources"], sections)


def optional_types(text: str) -> set[str]:
    """Types of which a template may have none, whatever the settings."""
    return {
        name
        for name, value in ContractText(text, {}).section("types")
        if isinstance(value, dict) and "optional" in value
    }


def _filled(contract: ContractText, form: Form, line: int) -> Any:
    """The form with the contract's variables filled in."""
    if isinstance(form, Mapping):
        return {name: _filled(contract, inner, getattr(form, "line", line)) for name, inner in form.items()}
    if isinstance(form, list):
        return [_filled(contract, inner, line) for inner in form]
    return contract.fill(form, line) if isinstance(form, str) else form


def check(assembly: AppRoles, inventory: Inventory) -> Iterator[GateFinding]:
    """Findings about resources that differ from the contract, and about lines of it that no resource is there for."""
    roles = frozenset(role.name for role in assembly.roles if " " not in role.name)
    seen: set[str] = set()
    for stack, template in assembly.templates.items():
        matcher = Matcher(assembly.resolver, stack, roles)
        yield from _sections(stack, template, matcher, inventory)
        for id, resource in template["Resources"].items():
            kind, name = resource["Type"], named(assembly.resolver, stack, id)
            own = f"{kind} {stack}.{id}"
            again = name in seen or (name == f"{kind} {stack}" and kind in seen)
            seen |= {kind, name, own}
            if kind in FORBIDDEN_TYPES:
                continue  # iam/template.py has said it, with another fix
            if kind not in inventory.types:
                yield GateFinding(
                    "types", f"{stack}.{id}", "", source_of(stack), f"{kind} is no type of resource in the contract",
                    "remove it, or list it under `types` in iam/contract.yaml with its properties",
                )  # fmt: skip
                continue
            if again and not inventory.types[kind].several:
                yield GateFinding(
                    "types", f"{stack}.{id}", "", source_of(stack), f"it is not the only {readable(name)}",
                    f"make one, or set `several` in {inventory.types[kind].where}",
                )  # fmt: skip
            held = [
                inventory.types[kind],
                *(inventory.resources[it] for it in (name, own) if it in inventory.resources),
            ]
            yield from _held(stack, id, resource, matcher, held)
    for what, lines in (("of this type", inventory.types), ("of this name", inventory.resources)):
        for name in lines.keys() - seen:
            if not lines[name].optional:
                yield GateFinding(
                    "types", readable(name), "", lines[name].where, f"no template has a resource {what}",
                    "create one, or remove the line; `optional` names the setting that creates one",
                )  # fmt: skip


def named(resolver: Resolver, stack: str, id: str) -> str:
    """Type and name of a resource, as the contract calls it."""
    try:
        name = resolver.name(stack, id)
    except UNREADABLE:
        name = stack
    return f"{resolver.kind(stack, id)} {stack if name == f'${{{stack}.{id}}}' else name}"


def _held(stack: str, id: str, resource: Template, matcher: Matcher, held: list[Held]) -> Iterator[GateFinding]:
    """Properties and deletion policies that differ from the lines, the last of which is the nearest."""
    has, kept = dict(_EVERYWHERE), dict(_WITHOUT_DATA)
    for line in held:
        has |= line.has
        kept |= line.kept
    policies = {name: value for name, value in resource.items() if name in ("DeletionPolicy", "UpdateReplacePolicy")}
    for value, form in ((resource.get("Properties", {}), has), (policies, kept)):
        for path, problem, wanted in matcher.mismatches(value, form, ""):
            yield GateFinding(
                "resources", f"{stack}.{id}", "", source_of(stack), f"{path.removeprefix('.')}: {problem}",
                f"the contract wants {readable(wanted)} there, in {held[-1].where}",
            )  # fmt: skip


def _sections(stack: str, template: Template, matcher: Matcher, inventory: Inventory) -> Iterator[GateFinding]:
    """Parameters and mappings give values that stand elsewhere."""
    for section, form in inventory.sections.items():
        for path, problem, wanted in matcher.mismatches(template.get(section, {}), form, section):
            fix = f"the contract wants {readable(wanted)} there, under `sections`"
            yield GateFinding("resources", stack, "", source_of(stack), f"{path}: {problem}", fix)
    for region, account in template.get("Mappings", {}).get("Registries", {}).items():
        if account != {"Account": REGISTRY_ACCOUNTS.get(region)}:
            message = f"the registry of {region} is {shown(account)}, which is not AWS's"
            yield GateFinding("resources", stack, "", source_of(stack), message, "use aws/registries.py")
