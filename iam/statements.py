"""Read the statements of a policy document in their smallest pieces."""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from iam import globs
from iam.policy import Conditions, conditions, listed
from iam.resolve import UNREADABLE, Resolver, Unresolvable, shown

FIX = "use text, Ref, GetAtt, Join, Sub or ImportValue"
_MAX_CASES = 1000  # condition blocks that one statement may stand for
_DOCUMENT = {"Version", "Statement", "Id"}
Find = Callable[[str, str, str, str, str], None]  # rule, role, Sid, message, fix


class StatementPart(NamedTuple):
    """One action of a statement with one principal, one resource and one single-valued condition block.

    Attributes:
        principal, resource: empty where the kind of policy has none.
    """

    effect: str
    action: str
    principal: str
    resource: str
    conditions: Conditions
    sid: str


class StatementReader:
    """Statements of policies in templates. What cannot be compared goes to `find`, a function."""

    def __init__(self, resolver: Resolver, find: Find) -> None:
        self._resolver, self._find = resolver, find

    def parts(self, role: str, stack: str, document: Any, *subjects: str) -> Iterator[StatementPart]:
        """Parts of a document whose statements name `subjects`: Principal, Resource or both."""
        for number, statement in enumerate(self._statements(role, document), 1):
            given = statement.get("Sid", "trust" if subjects == ("Principal",) else "")
            sid = given if isinstance(given, str) else f"statement {number}"
            if not self._plain(role, sid, statement, subjects):
                continue
            try:
                actions = self._texts(statement["Action"], stack)
                principals = self._principals(statement["Principal"], stack) if "Principal" in subjects else [""]
                resources = self._texts(statement["Resource"], stack) if "Resource" in subjects else [""]
                blocks = self._conditions(statement, stack)
            except UNREADABLE as error:
                missing = f"it has no {error}" if isinstance(error, KeyError) else str(error)
                self._find("resolve", role, sid, missing, FIX)
                continue
            for action, principal, resource, block in itertools.product(actions, principals, resources, blocks):
                yield StatementPart(statement["Effect"], action, principal, resource, block, sid)

    def _statements(self, role: str, document: Any) -> list[Any]:
        """Statements of a policy document, which must be one: whatever stands for one could hold anything."""
        fix = "write the policy out, with Version 2012-10-17 and Statement"
        if not isinstance(document, dict) or document.keys() - _DOCUMENT:
            self._find("resolve", role, "", f"{shown(document)} is no policy document", fix)
            return []
        statements = listed(document.get("Statement", []))
        if document.get("Version") != "2012-10-17":
            self._find("resolve", role, "", f"the policy is of version {shown(document.get('Version'))}", fix)
        for odd in (statement for statement in statements if not isinstance(statement, dict)):
            self._find("resolve", role, "", f"{shown(odd)} is no statement", fix)
        return [statement for statement in statements if isinstance(statement, dict)]

    def _principals(self, value: Any, stack: str) -> list[str]:
        """Principals as `Service lambda.amazonaws.com`."""
        kinds = value if isinstance(value, dict) else {"AWS": value}
        return [f"{kind} {text}" for kind, values in kinds.items() for text in self._texts(values, stack)]

    def _plain(self, role: str, sid: str, statement: dict[str, Any], subjects: tuple[str, ...]) -> bool:
        odd = sorted(set(statement) - {"Sid", "Effect", "Action", "Condition", *subjects})
        if odd:
            fix = "list what is allowed, with Action and Resource"
            self._find("plain-allow", role, sid, f"it has {', '.join(odd)}, which cannot be compared with a list", fix)
        effects = ("Allow", "Deny") if len(subjects) > 1 else ("Allow",)
        if (effect := statement.get("Effect")) not in effects:
            self._find("plain-allow", role, sid, f"its effect is {shown(effect)}", "allow less instead")
        return not odd and effect in effects

    def _conditions(self, statement: dict[str, Any], stack: str) -> list[Conditions]:
        block = {
            str(operator): {str(key): self._texts(values, stack) for key, values in keys.items()}
            for operator, keys in statement.get("Condition", {}).items()
        }
        if math.prod(len(values) for keys in block.values() for values in keys.values()) > _MAX_CASES:
            raise Unresolvable(f"its condition has more than {_MAX_CASES} cases")
        return conditions(block)

    def _texts(self, values: Any, stack: str) -> list[str]:
        if values == []:
            raise Unresolvable("it has an empty list, which matches nothing")
        texts = [self._resolver.text(value, stack) for value in listed(values)]
        if odd := [text for text in texts if not globs.comparable(text)]:
            raise Unresolvable(f"{shown(odd[0])} has too many wildcards, or is too long, to be compared")
        return texts
