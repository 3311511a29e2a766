"""One condition implies another when every request that meets it meets the other."""

import pytest

from iam.policy import Condition


@pytest.mark.parametrize(
    ("operator", "stricter", "wider"),
    [
        ("StringEquals", {"a"}, {"a", "b"}),
        ("StringNotEquals", {"a", "b"}, {"a"}),  # holds when none of the values matches
        ("StringLike", {"ab*"}, {"a*"}),
    ],
)
def test_the_stricter_implies_the_wider_and_not_the_other_way(
    operator: str, stricter: set[str], wider: set[str]
) -> None:
    one, other = (Condition(operator, "aws:SourceAccount", frozenset(values)) for values in (stricter, wider))
    assert one.implies(other)
    assert not other.implies(one)
