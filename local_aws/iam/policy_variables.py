"""Resolves policy variables such as `${aws:PrincipalAccount}` in Resource elements and condition values.

Source: "IAM policy elements: Variables and tags", IAM user guide. A variable without a value matches nothing,
unless the policy gives it a default: `${aws:username, 'nobody'}`.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.iam_evaluator import EvalContext, ParsedStatement

_VARIABLE = re.compile(r"\$\{\s*([^},]+?)\s*(?:,\s*'([^']*)'\s*)?\}")
_LITERALS = frozenset("*?$")
_GLOB_PART = re.compile(r"\$\{([*?$])\}|(\*)|(\?)", re.DOTALL)
_NOTHING = "\0"  # matches no ARN and no value of a condition key

# Operators for which * and ? are wildcards; to all others they are plain characters.
_GLOB_OPERATORS = ("like", "arnequals", "arnnotequals")


def install() -> None:
    """Resolve variables in MiniStack's evaluator, and support `${*}`, `${?}` and `${$}` in its patterns."""
    first_match, conditions_met = iam_evaluator._first_match, iam_evaluator._conditions_met

    def first_match_resolved(ctx: EvalContext, stmts: list[ParsedStatement], effect: str) -> ParsedStatement | None:
        found: ParsedStatement | None = first_match(
            ctx, [resolved(s, ctx) for s in stmts if s.effect == effect], effect
        )
        return found

    def conditions_met_resolved(conditions: dict[str, Any], ctx: EvalContext) -> bool:
        return bool(conditions_met(_resolved_conditions(conditions or {}, ctx), ctx))

    iam_evaluator._first_match = first_match_resolved
    iam_evaluator._conditions_met = conditions_met_resolved
    iam_evaluator._fnmatch_compile = _compiled()


def resolved(statement: ParsedStatement, ctx: EvalContext) -> ParsedStatement:
    """Copy of a statement with its Resource and NotResource patterns resolved for this request."""
    if not any("${" in pattern for pattern in (*statement.resources, *statement.not_resources)):
        return statement
    return replace(
        statement,
        resources=[_pattern(pattern, ctx) for pattern in statement.resources],
        not_resources=[_pattern(pattern, ctx) for pattern in statement.not_resources],
    )


def _resolved_conditions(conditions: dict[str, Any], ctx: EvalContext) -> dict[str, Any]:
    def values(operator: str, given: Any) -> list[str]:
        resolve = _pattern if operator.lower().removesuffix("ifexists").endswith(_GLOB_OPERATORS) else _text
        return [resolve(str(value), ctx) for value in (given if isinstance(given, list) else [given])]

    return {
        operator: {key: values(operator, given) for key, given in block.items()}
        for operator, block in conditions.items()
    }


def _pattern(pattern: str, ctx: EvalContext) -> str:
    """Resolve a pattern with wildcards; a wildcard inside a variable's value is a plain character."""
    return _substituted(pattern, ctx, literal=lambda text: "".join(f"${{{c}}}" if c in _LITERALS else c for c in text))


def _text(text: str, ctx: EvalContext) -> str:
    return _substituted(text, ctx, literal=str)


def _substituted(text: str, ctx: EvalContext, literal: Callable[[str], str]) -> str:
    def value(match: re.Match[str]) -> str:
        name, default = match.groups()
        if name in _LITERALS:
            return literal(name)
        known = iam_evaluator._resolve_condition_key(name, ctx)
        if isinstance(known, list):  # a multi-valued key cannot be used as a variable
            known = None
        known = default if known is None else known
        return _NOTHING if known is None else literal(str(known))

    return _VARIABLE.sub(value, text) if "${" in text else text


def _compiled() -> Callable[[str, bool], re.Pattern[str]]:
    """Pattern compiler with a cache, like MiniStack's, that supports escaped wildcards."""
    known: dict[tuple[str, bool], re.Pattern[str]] = {}

    def compile_pattern(pattern: str, ignore_case: bool) -> re.Pattern[str]:
        if (pattern, ignore_case) not in known:
            if len(known) > 4096:
                known.clear()
            known[pattern, ignore_case] = re.compile(
                f"^{_regex(pattern)}$", re.DOTALL | (re.IGNORECASE if ignore_case else 0)
            )
        return known[pattern, ignore_case]

    return compile_pattern


def _regex(pattern: str) -> str:
    parts, end = [], 0
    for match in _GLOB_PART.finditer(pattern):
        literal, star, _ = match.groups()
        parts += [re.escape(pattern[end : match.start()]), re.escape(literal) if literal else ".*" if star else "."]
        end = match.end()
    return "".join([*parts, re.escape(pattern[end:])])
