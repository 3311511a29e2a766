"""Compare the templates' roles with the contract, in both directions."""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from iam.contract import Contract, ContractRole, Line
from iam.facts import Facts
from iam.findings import GateFinding
from iam.policy import Grant, Role, Trust, excess, in_words, stricter
from iam.source import line_of

_CONTRACT = "iam/contract.yaml"


def check(roles: Iterable[Role], contract: Contract, facts: Facts) -> list[GateFinding]:
    """Every finding, sorted; none when roles and contract are equal and AWS's reference has all of it."""
    found = {role.name: role for role in roles}
    findings = [*_unknown_roles(found, contract), *_missing_roles(found, contract)]
    for name, role in found.items():
        findings += _of_role(role, contract.get(name), facts)
    for needed in contract.values():
        findings += _of_lines(needed, facts)
    return sorted(set(findings))


# Both look at one role alone, so that what was found about it holds as long as it is the same.
@lru_cache(maxsize=1_000)
def _of_role(role: Role, needed: ContractRole | None, facts: Facts) -> tuple[GateFinding, ...]:
    findings: list[GateFinding] = []
    if needed:
        findings += [*_same_trust(role, needed.trust), *_not_too_much(role, needed.may)]
        findings += _not_too_little(role, needed.may)
    for grant in role.grants:
        where = line_of(role.name, grant.where)
        findings += about(grant, facts, role=role.name, statement=grant.where, where=where)
    return tuple(findings)


@lru_cache(maxsize=1_000)
def _of_lines(needed: ContractRole, facts: Facts) -> tuple[GateFinding, ...]:
    findings: list[GateFinding] = []
    for line in needed.may:
        findings += about(line.allows, facts, role=needed.name, statement="", where=line.allows.where)
        findings += _reason_for_wildcard(needed.name, line, facts)
    return tuple(findings)


def about(grant: Grant, facts: Facts, *, role: str, statement: str, where: str) -> Iterator[GateFinding]:
    """Findings of AWS's reference about a grant: its action, its resource, its condition keys."""

    def finding(rule: str, message: str, fix: str, witness: str = "") -> GateFinding:
        return GateFinding(rule, role, statement, where, message, fix, witness)

    if "*" in grant.action or "?" in grant.action:
        yield finding("explicit-action", f"{grant.action} is a pattern", "name each action")
        return
    if not facts.knows_service(grant.action):
        fix = "add a contract line with it, then run make iam-facts"
        yield finding("facts", f"iam/facts.json lacks the service of {grant.action}", fix)
        return
    action = facts.action(grant.action)
    if action is None:
        similar = " or ".join(facts.similar(grant.action)) or "an action of the service authorization reference"
        yield finding("facts", f"AWS has no action {grant.action}", f"use {similar}")
        return
    if grant.resource != "*" and not action.resource_types:
        yield finding("facts", f"{action.name} supports no resource, only *", "write *", grant.resource)
    elif grant.resource != "*":
        fitting = facts.resource_types(action.name, grant.resource)
        if not set(fitting) & set(action.resource_types):
            wants = ", ".join(action.resource_types[:5])
            is_ = ", ".join(fitting) or "of no type of that service"
            yield finding(
                "facts",
                f"{action.name} applies to {wants}; the resource is {is_}",
                "name such a resource",
                grant.resource,
            )
    for condition in grant.conditions:
        key = condition.key
        if facts.deprecated(key):
            yield finding("facts", f"the condition key {key} is deprecated", "use the key that replaces it")
        elif not facts.supports_key(action, key):
            yield finding("facts", f"{action.name} never sends {key}, so the condition is never met", "drop it")
        if facts.key_type(key).startswith("ArrayOf") and not _guarded(grant, key):
            fix = f"use ForAllValues, and Null {key} false beside it: an absent key passes ForAllValues"
            yield finding("facts", f"{key} has several values", fix)


def _guarded(grant: Grant, key: str) -> bool:
    operators = {c.operator: c.values for c in grant.conditions if c.key.lower() == key.lower()}
    for_all = any(operator.startswith("ForAllValues:") for operator in operators)
    return for_all and operators.get("Null") == frozenset({"false"})


def _reason_for_wildcard(role: str, line: Line[Grant], facts: Facts) -> Iterator[GateFinding]:
    action = facts.action(line.allows.action)
    if line.allows.resource == "*" and action and action.resource_types and not line.wildcard:
        types = ", ".join(action.resource_types[:5])
        yield GateFinding(
            "wildcard", role, "", line.allows.where,
            f"{action.name} is granted on *, but supports resource types ({types})",
            "name the resource, or write the reason as `wildcard`",
        )  # fmt: skip


def _unknown_roles(found: dict[str, Role], contract: Contract) -> Iterator[GateFinding]:
    for name in found.keys() - contract.keys():
        made = f"{found[name].stack}.{found[name].logical_id}"
        yield GateFinding(
            "roles", name, "", line_of(name, ""), f"{made} is not in the contract",
            f"list in {_CONTRACT} what it needs, or pass a role to the CDK helper that creates it",
        )  # fmt: skip


def _missing_roles(found: dict[str, Role], contract: Contract) -> Iterator[GateFinding]:
    for name in contract.keys() - found.keys():
        where = f"{_CONTRACT}:{contract[name].number}"
        yield GateFinding("roles", name, "", where, "no template creates this role", "create it, or remove it here")


def _same_trust(role: Role, needed: tuple[Line[Trust], ...]) -> Iterator[GateFinding]:
    wanted = {line.allows for line in needed}
    for trust in role.trusts:
        if trust not in wanted:
            fix = f"trust only the principals in {_CONTRACT}"
            yield GateFinding("trust", role.name, trust.where, line_of(role.name, ""), f"the role allows {trust}", fix)
    for line in needed:
        if line.allows not in role.trusts:
            fix = f"trust it in {line_of(role.name, '')}, or remove the line"
            yield GateFinding("trust", role.name, "", line.allows.where, f"the role does not allow {line.allows}", fix)


def _not_too_much(role: Role, needed: tuple[Line[Grant], ...]) -> Iterator[GateFinding]:
    lines = [line.allows for line in needed]
    for grant in role.grants:
        example = excess(grant, lines)
        if example is not None:
            near = [line for line in lines if line.action.lower() == grant.action.lower()]
            yield GateFinding(
                "too-much", role.name, grant.where, line_of(role.name, grant.where),
                f"{grant} exceeds the contract", _nearest(near), f"{grant.action} on {example}",
            )  # fmt: skip


def _nearest(lines: list[Grant]) -> str:
    if not lines:
        return f"remove it, or list it in {_CONTRACT} with its reason"
    return "narrow it to " + " or ".join(f"{line.resource}{in_words(line.conditions)}" for line in lines[:3])


def _not_too_little(role: Role, needed: tuple[Line[Grant], ...]) -> Iterator[GateFinding]:
    for line in needed:
        example = excess(line.allows, role.grants)
        if example is not None:
            under = [g for g in role.grants if g.action.lower() == line.allows.action.lower()]
            narrower = [g for g in under if stricter(g.conditions, line.allows.conditions)]
            fix = f"widen {narrower[0].where}" if narrower else "grant it"
            yield GateFinding(
                "too-little", role.name, "", line.allows.where, f"{line.allows} is listed ({line.why}) but not granted",
                f"{fix} in {line_of(role.name, narrower[0].where if narrower else '')}, or remove the line",
                f"{line.allows.action} on {example}",
            )  # fmt: skip
