"""IAM's patterns: `*` is any text, `?` one character; `${…}` stands for a value that only a deployment knows.

The check that one pattern allows something that others do not is exact, without sampling: it walks the patterns'
automata together. The answer is a witness: the shortest text that proves it.
"""

import re
from collections import deque
from collections.abc import Iterable
from functools import lru_cache

_SYMBOL = re.compile(r"\$\{[^}]*\}|.", re.DOTALL)
_OTHER = "\0"  # any character that no pattern names

MAX_WILDCARDS = 16
MAX_LENGTH = 4_096

Symbols = tuple[str, ...]
States = frozenset[int]


def is_pattern(text: str) -> bool:
    """True when `text` has a wildcard."""
    return "*" in text or "?" in text


def comparable(text: str) -> bool:
    """True when the comparison of the text as a pattern ends soon: each wildcard may double its steps."""
    return len(text) <= MAX_LENGTH and sum(map(text.count, "*?")) <= MAX_WILDCARDS


def matches(pattern: str, text: str) -> bool:
    """True when the pattern allows the text, in which `*` and `?` are ordinary characters."""
    wanted = _symbols(pattern)
    states = _closure(wanted, [0])
    for symbol in _symbols(text):
        states = _step(wanted, states, symbol)
    return len(wanted) in states


def overlap(one: str, other: str) -> bool:
    """True when both patterns allow some text."""
    return not _apart(one, other) and _search([one], [other], lambda a, b: a and b) is not None


@lru_cache(maxsize=100_000)
def witness(pattern: str, allowed: frozenset[str]) -> str | None:
    """The shortest text that `pattern` allows and none of `allowed` does; None when there is no such text."""
    if pattern in allowed or "*" in allowed:
        return None
    near = sorted(other for other in allowed if not _apart(pattern, other))
    return _search([pattern], near, lambda inside, other: inside and not other)


def _apart(one: str, other: str) -> bool:
    """True when they differ before their first wildcards and so have nothing in common; a quick test."""
    for ours, theirs in zip(_symbols(one), _symbols(other), strict=False):
        if ours in "*?" or theirs in "*?":
            return False
        if ours != theirs:
            return True
    return False


def _search(ours: list[str], theirs: list[str], wanted) -> str | None:  # type: ignore[no-untyped-def]
    """Shortest text of which `wanted(allowed by ours, allowed by theirs)` is true, searched breadth first."""
    patterns = [_symbols(pattern) for pattern in [*ours, *theirs]]
    start = tuple(_closure(pattern, [0]) for pattern in patterns)
    queue: deque[tuple[tuple[States, ...], str]] = deque([(start, "")])
    seen = {start}
    while queue:
        states, text = queue.popleft()
        accepted = [len(pattern) in state for pattern, state in zip(patterns, states, strict=True)]
        if wanted(any(accepted[: len(ours)]), any(accepted[len(ours) :])):
            return text.replace(_OTHER, "x")
        for symbol in _expected(patterns, states):
            after = tuple(_step(pattern, state, symbol) for pattern, state in zip(patterns, states, strict=True))
            if after not in seen and any(after[: len(ours)]):
                seen.add(after)
                queue.append((after, text + symbol))
    return None


def _expected(patterns: list[Symbols], states: tuple[States, ...]) -> list[str]:
    """Symbols that distinguish the next states: those that some pattern expects, and one for all others."""
    waited = {p[s] for p, reached in zip(patterns, states, strict=True) for s in reached if s < len(p)}
    return [*sorted(waited - {"*", "?"}), _OTHER]


@lru_cache(maxsize=10_000)
def _symbols(text: str) -> Symbols:
    return tuple(_SYMBOL.findall(text))


def _closure(pattern: Symbols, states: Iterable[int]) -> States:
    """States reachable without a symbol, since a `*` may stand for nothing."""
    reached = set()
    for state in states:
        reached.add(state)
        while state < len(pattern) and pattern[state] == "*":
            state += 1
            reached.add(state)
    return frozenset(reached)


def _step(pattern: Symbols, states: States, symbol: str) -> States:
    after = []
    for state in states:
        if state == len(pattern):
            continue
        expected = pattern[state]
        if expected == "*":
            after.append(state)
        elif expected == symbol or (expected == "?" and len(symbol) == 1):
            after.append(state + 1)
    return _closure(pattern, after)
