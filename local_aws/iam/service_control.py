"""Service control policies of an organisation: whether they let a request through, by the evaluator of local AWS.

Source: "SCP evaluation", AWS Organizations user guide: a request is allowed if a statement allows it and none denies
it. FullAWSAccess stands beside policies that only deny.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.iam_evaluator import EvalContext, ParsedStatement

from local_aws.iam import policy_variables

_ELEMENTS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
_EVERYTHING = ParsedStatement("FullAWSAccess", "Allow", ["*"], [], ["*"])


class NoPolicy(Exception):
    """The text is no service control policy; the message says why."""


@dataclass(frozen=True)
class ServiceControl:
    """A parsed service control policy."""

    statements: tuple[ParsedStatement, ...]

    def refusal(self, action: str, resource: str, *, principal: str, region: str, keys: Mapping[str, Any]) -> str:
        """Reason why the policy stops a request; empty if it lets it through."""
        context = EvalContext(
            principal_arn=principal,
            principal_type="AssumedRole",
            principal_account=principal.split(":")[4],
            action=action,
            resource_arn=resource,
            region=region,
            source_ip="",
            secure_transport=True,
            service_context={key.lower(): value for key, value in keys.items()},
        )
        result = iam_evaluator.evaluate(context, [list(self.statements)])
        if result.decision == "Deny":
            return f"statement {result.matched_sid or 'without a Sid'} denies it"
        return "" if result.decision == "Allow" else "no statement allows it"


def parse(text: str) -> ServiceControl:
    """Parse a service control policy.

    Raises:
        NoPolicy: it is not JSON, or not of the grammar.
    """
    _resolve_variables()
    try:
        document = json.loads(text)
    except ValueError as error:
        raise NoPolicy(f"it is not JSON: {error}") from None
    if problem := iam_evaluator.validate_policy_document(document):
        raise NoPolicy(problem)
    statements = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]
    for statement in statements:
        if unknown := sorted(statement.keys() - _ELEMENTS):
            raise NoPolicy(f"a statement has {', '.join(unknown)}, which a service control policy cannot have")
    parsed = iam_evaluator.parse_policy_document(document)
    allows = any(statement.effect == "Allow" for statement in parsed)
    return ServiceControl((*parsed, *(() if allows else (_EVERYTHING,))))


@functools.cache
def _resolve_variables() -> None:
    """Have the evaluator resolve policy variables, once in a process."""
    policy_variables.install()
