"""Write needs as managed policies, each within IAM's limit of characters.

Source: "IAM and AWS STS quotas", IAM user guide: a managed policy has 6,144 characters, white space not counted, and a
role has 10 of them.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from tools.deployer_policy.needs import Condition, Need
from training.errors import ReportedError

MAX_CHARACTERS = 6144
MAX_POLICIES = 10
Document = dict[str, Any]
_Key = tuple[str, Condition | None, tuple[str, ...]]


class TooManyPolicies(ReportedError):
    """The needs do not fit into the policies that a role can have."""


def documents(needs: Iterable[Need]) -> list[Document]:
    """Policies that allow the needs and nothing else; the same needs make the same policies.

    Raises:
        TooManyPolicies: there are more than a role can have.
    """
    made: list[list[Document]] = []
    for statement in _statements(needs):
        for piece in _pieces(statement):
            if not made or _characters(_document([*made[-1], piece])) > MAX_CHARACTERS:
                made.append([])
            made[-1].append(piece)
    if len(made) > MAX_POLICIES:
        raise TooManyPolicies(
            f"the deployer needs {len(made)} policies of {MAX_CHARACTERS} characters, and a role can have"
            f" {MAX_POLICIES}: deploy less with one role, such as without notebook and EC2 training"
        )
    return [_document(statements) for statements in made]


def _statements(needs: Iterable[Need]) -> list[Document]:
    """One statement for the actions of a service that have the same resources and condition."""
    resources: dict[tuple[str, Condition | None], set[str]] = defaultdict(set)
    for need in needs:
        resources[need.action, need.condition].add(need.resource)
    actions: dict[_Key, list[str]] = defaultdict(list)
    for (action, condition), found in sorted(resources.items(), key=str):
        actions[action.partition(":")[0], condition, tuple(sorted(found))].append(action)
    return [_statement(names, list(found), condition) for (_, condition, found), names in actions.items()]


def _statement(actions: list[str], resources: list[str], condition: Condition | None) -> Document:
    statement: Document = {"Effect": "Allow", "Action": actions, "Resource": resources}
    if condition:
        operator, key, value = condition
        statement["Condition"] = {operator: {key: value}}
    return statement


def _pieces(statement: Document) -> Iterable[Document]:
    """The statement, by halves of its resources where it is larger than a policy can be."""
    resources = statement["Resource"]
    if _characters(_document([statement])) <= MAX_CHARACTERS or len(resources) == 1:
        return [statement]
    middle = len(resources) // 2
    halves = (resources[:middle], resources[middle:])
    return [piece for half in halves for piece in _pieces({**statement, "Resource": half})]


def _document(statements: list[Document]) -> Document:
    return {"Version": "2012-10-17", "Statement": statements}


def _characters(document: Document) -> int:
    return len(json.dumps(document, separators=(",", ":")))
