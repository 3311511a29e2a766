"""A contract that cannot be used is refused with all its problems, each with its line."""

import pytest

from iam.contract import ContractError, read

GOOD = """roles:
  r:
    purpose: reads
    trust:
      - {principal: Service a.amazonaws.com, action: "sts:AssumeRole", why: it does, evidence: "assumption: really"}
    may:
      - {action: "s3:GetObject", resource: "${here}/*", why: it reads, evidence: "trace:"}
"""


def test_variables_are_filled_in_and_pseudo_parameters_stay() -> None:
    contract = read(GOOD.replace("${here}", "${here}${AWS::Region}"), {"here": "arn"})

    [line] = contract["r"].may
    assert str(line.allows) == "s3:GetObject on arn${AWS::Region}/*"
    assert (line.number, line.kind) == (7, "trace")


def test_several_values_are_several_lines() -> None:
    text = GOOD.replace('"${here}/*",', '"b", if: {StringLike: {"s3:prefix": [x, y]}},')

    assert [str(line.allows) for line in read(text, {})["r"].may] == [
        "s3:GetObject on b if s3:prefix StringLike x",
        "s3:GetObject on b if s3:prefix StringLike y",
    ]


@pytest.mark.parametrize(("spot", "lines"), [("", 0), ("checkpoints", 1)])
def test_a_line_with_when_holds_only_where_its_variable_has_a_value(spot: str, lines: int) -> None:
    text = GOOD.replace('evidence: "trace:"', 'evidence: "trace:", when: spot')

    assert len(read(text, {"here": "arn", "spot": spot})["r"].may) == lines


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("why: it reads, ", "", "c.yaml:7: why is missing"),
        ("why: it reads", "why: it reads, wy: x", "c.yaml:7: wy is not known"),
        ("trace:", "hearsay", "c.yaml:7: evidence 'hearsay' must begin with trace:"),
        ("assumption: really", "assumption:", "c.yaml:5: evidence 'assumption:' must say what it is"),
        ("${here}", "${there}", "c.yaml:7: ${there} is not known; there are here"),
        ("purpose: reads", "purpos: reads", "c.yaml:3: r: there must be purpose, trust and may"),
        ("why: it reads", "why: it reads, why: again", "c.yaml:7: this is not YAML: why twice"),
        ("why: it reads, ", "why: it reads: again, ", "c.yaml:7: this is not YAML"),
        ("why: it reads", "why: it reads, when: rain", "c.yaml:7: when: rain is not known; there are here"),
        ("roles:", "rolls:", "c.yaml:1: there must be `roles`"),
        ("may:\n      - {", "may:\n      - x\n      - {", "'x' is no line"),
    ],
)
def test_a_problem_is_named_with_its_line(before: str, after: str, problem: str) -> None:
    with pytest.raises(ContractError) as refused:
        read(GOOD.replace(before, after), {"here": "arn"}, "c.yaml")

    assert problem in str(refused.value)


POLICIES = """policies:
  function f:
    purpose: answers
    when: api
    lets:
      - {principal: Service a.amazonaws.com, action: "lambda:InvokeFunction", why: it does, evidence: "aws-doc: page"}
"""


def test_a_policy_lets_in_callers_beside_the_roles() -> None:
    contract = read(GOOD + POLICIES, {"here": "arn", "api": "id"})

    [caller] = contract["function f"].trust
    assert str(caller.allows) == "lambda:InvokeFunction by Service a.amazonaws.com"
    assert contract["function f"].may == ()
    assert set(read(GOOD + POLICIES, {"here": "arn", "api": ""})) == {"r"}


def test_a_policy_that_lets_in_nobody_is_named_with_its_line() -> None:
    with pytest.raises(ContractError, match=r"c\.yaml:10: function f: there must be purpose and lets"):
        read(GOOD + POLICIES.replace("lets:", "may:"), {"here": "arn", "api": "id"}, "c.yaml")


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(ContractError) as refused:
        read(GOOD.replace("trace:", "hearsay").replace("assumption", "rumour"), {"here": "arn"}, "c.yaml")

    assert [problem.split(":")[1] for problem in str(refused.value).splitlines()] == ["5", "7"]
