"""Filter patterns of FilterLogEvents. MiniStack ignores case and optional terms, and matches all by a JSON pattern.

Source: "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live Tail", CloudWatch
Logs user guide. Patterns with a regular expression or for space-delimited events are refused.
"""

import json
import operator
import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from ministack.services import cloudwatch_logs

Matches = Callable[[Any], bool]
_TERM = re.compile(r'([-?]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))')
_TOKEN = re.compile(r'\s*(&&|\|\||!=|<=|>=|[=<>(){}]|"(?:[^"\\]|\\.)*"|[^\s=<>(){}!&|"]+)')
_NUMBERS = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}
_IS = {"NULL": None, "TRUE": True, "FALSE": False}
_MISSING = object()


class InvalidPattern(ValueError):
    """A pattern that CloudWatch Logs refuses, or that local AWS does not know."""


def install() -> None:
    """Filter as CloudWatch Logs does, and refuse a pattern with its error."""
    original = cloudwatch_logs._filter_log_events

    def filter_log_events(data: dict[str, Any]) -> Any:
        try:
            return original(data)
        except InvalidPattern as error:
            return cloudwatch_logs.error_response_json("InvalidParameterException", str(error), 400)

    cloudwatch_logs._compile_filter_pattern = compile_pattern
    cloudwatch_logs._filter_log_events = filter_log_events


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """The function that says if a message matches.

    Raises:
        InvalidPattern: it is malformed, or of a kind that local AWS does not know.
    """
    text = pattern.strip()
    if text.startswith("[") or "%" in re.sub(r'"(?:[^"\\]|\\.)*"', "", text):
        raise InvalidPattern(f"local AWS knows filter patterns of terms and of JSON, not {text}")
    return _of_json(text) if text.startswith("{") else _of_terms(text)


def _of_terms(text: str) -> Callable[[str], bool]:
    """Terms that a message must have, those behind `-` that it must not; without either, one of those behind `?`."""
    terms: dict[str, list[str]] = {"": [], "-": [], "?": []}
    for sign, quoted, word in _TERM.findall(text):
        if word and not re.fullmatch(r"\w+", word):
            raise InvalidPattern(f"Invalid character(s) in term '{word}'")
        terms[sign].append(word or re.sub(r"\\(.)", r"\1", quoted))
    needed, excluded, optional = terms[""], terms["-"], terms["?"]
    if needed or excluded or not optional:
        return lambda message: all(t in message for t in needed) and not any(t in message for t in excluded)
    return lambda message: any(term in message for term in optional)


def _of_json(text: str) -> Callable[[str], bool]:
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != re.sub(r'\s+(?=(?:[^"]*"[^"]*")*[^"]*$)', "", text):
        raise InvalidPattern(f"Invalid filter pattern: {text}")
    try:
        parser = _JsonPattern(tokens)
        parser.take("{")
        matches = parser.any_of()
        parser.take("}")
    except (IndexError, ValueError) as error:
        raise InvalidPattern(f"Invalid filter pattern: {text}") from error
    if parser.tokens:
        raise InvalidPattern(f"Invalid filter pattern: {text}")

    def matches_message(message: str) -> bool:
        try:
            event = json.loads(message)
        except ValueError:
            return False
        return matches(event)

    return matches_message


class _JsonPattern:
    """Parser of the tokens of `{ $.a = "x" && ($.b > 1 || $.c NOT EXISTS) }`; && binds before ||."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens

    def take(self, *allowed: str) -> str:
        token = self.tokens.pop(0)
        if allowed and token not in allowed:
            raise ValueError(token)
        return token

    def any_of(self) -> Matches:
        parts = [self._all_of()]
        while self.tokens[0] == "||":
            self.take()
            parts.append(self._all_of())
        return lambda event: any(part(event) for part in parts)

    def _all_of(self) -> Matches:
        parts = [self._condition()]
        while self.tokens[0] == "&&":
            self.take()
            parts.append(self._condition())
        return lambda event: all(part(event) for part in parts)

    def _condition(self) -> Matches:
        if self.tokens[0] == "(":
            self.take()
            inner = self.any_of()
            self.take(")")
            return inner
        path = _path(self.take())
        match self.take("=", "!=", *_NUMBERS, "IS", "NOT"):
            case "IS":
                value = _IS[self.take(*_IS)]
                return lambda event: _at(event, path) is value
            case "NOT":
                self.take("EXISTS")
                return lambda event: _at(event, path) is _MISSING
            case "=":
                return _equals(path, self.take())
            case "!=":
                equals = _equals(path, self.take())
                return lambda event: _at(event, path) is not _MISSING and not equals(event)
            case sign:
                limit, compare = float(self.take()), _NUMBERS[sign]
                return lambda event: _is_number(found := _at(event, path)) and compare(found, limit)


def _path(selector: str) -> list[str | int]:
    if not re.fullmatch(r"\$(?:\.\w+|\[\d+\])+", selector):
        raise ValueError(selector)
    return [int(index) if index else name for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", selector)]


def _at(event: Any, path: list[str | int]) -> Any:
    for part in path:
        try:
            event = event[part]
        except (KeyError, IndexError, TypeError):
            return _MISSING
    return event


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equals(path: list[str | int], token: str) -> Matches:
    """Equal to a number, or to a text in which * stands for any characters."""
    if re.fullmatch(r"-?\d+(?:\.\d+)?(?:[eE]-?\d+)?", token):
        return lambda event: _is_number(found := _at(event, path)) and found == float(token)
    text = re.sub(r"\\(.)", r"\1", token[1:-1]) if token.startswith('"') else token
    wanted = text.replace("[", "[[]").replace("?", "[?]")
    return lambda event: isinstance(found := _at(event, path), str) and fnmatchcase(found, wanted)
