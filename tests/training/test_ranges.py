"""Ranges of tuned hyper-parameters, as text."""

import pytest

from training.ranges import Between, Choice, Range, parse_range


@pytest.mark.parametrize(
    ("text", "read", "range_"),
    [
        ("0.001..0.1", float, Between(0.001, 0.1)),
        ("1e-05..1", float, Between(1e-05, 1.0)),
        ("5..20", int, Between(5, 20)),
        ("32|64|128", int, Choice(("32", "64", "128"))),
        ("head|all", str, Choice(("head", "all"))),
    ],
)
def test_forms(text: str, read: type, range_: Range) -> None:
    assert parse_range(text, read) == range_


def test_whole_numbers_stay_whole() -> None:
    whole, broken = parse_range("5..20", int), parse_range("5..20", float)
    assert isinstance(whole, Between)
    assert isinstance(broken, Between)
    assert (whole.whole, broken.whole) == (True, False)


@pytest.mark.parametrize(
    ("text", "read", "said"),
    [
        ("5", int, "must be LOW..HIGH"),
        ("", int, "must be LOW..HIGH"),
        ("|".join(map(str, range(31))), int, "2 to 30 of them"),
        ("20..5", int, "must rise: 20 is not below 5"),
        ("5..5", int, "must rise"),
        ("1|2|1", int, "names a choice twice"),
        ("0.5|0.50", float, "names a choice twice"),
        ("head..all", str, "takes no numbers"),
        ("5..x", int, "invalid literal"),
        ("1..2..3", int, "invalid literal"),
    ],
)
def test_what_is_none(text: str, read: type, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_range(text, read)
