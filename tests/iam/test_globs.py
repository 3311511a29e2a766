"""Patterns are compared as languages, and a difference comes with an example."""

import pytest

from iam.globs import matches, overlap, witness


@pytest.mark.parametrize(
    ("pattern", "allowed"),
    [
        ("a/b", ["a/*"]),
        ("a/*", ["*"]),
        ("a/?", ["a/*"]),
        ("a*", ["a", "a?*"]),  # only together
        ("a*b*c", ["a*c"]),
        ("**", ["*"]),
        ("${AWS::Region}/x", ["*/x"]),
    ],
)
def test_what_is_within_has_no_witness(pattern: str, allowed: list[str]) -> None:
    assert witness(pattern, frozenset(allowed)) is None


@pytest.mark.parametrize(
    ("pattern", "allowed", "example"),
    [
        ("a/*", ["a/b*"], "a/"),
        ("jobs/*", ["jobs/waiting/*"], "jobs/"),
        ("a?c", ["abc"], "axc"),
        ("*", ["a*"], ""),
        ("a*", ["a", "a?"], "axx"),
        ("${AWS::Region}", ["?"], "${AWS::Region}"),  # a value of any length is no single character
        ("us-east-1", ["${AWS::Region}"], "us-east-1"),
    ],
)
def test_a_difference_comes_with_the_shortest_example(pattern: str, allowed: list[str], example: str) -> None:
    assert witness(pattern, frozenset(allowed)) == example
    assert not any(matches(other, example) for other in allowed)


def test_nothing_is_within_nothing() -> None:
    assert witness("a", frozenset()) == "a"


def test_overlap() -> None:
    assert overlap("log-group:x:*", "log-group:*:log-stream:*")
    assert not overlap("job/*", "endpoint/*")
