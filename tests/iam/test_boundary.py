"""A boundary's policy: what it certainly denies of a grant is told, and nothing else.

Source: "Permissions boundaries for IAM entities", IAM user guide.
"""

from typing import Any

import pytest

from iam.boundary import denied
from iam.policy import Grant

READ = Grant("s3:GetObject", "arn:aws:s3:::data/*", frozenset())
ALLOWS: dict[str, Any] = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def is_denied(*statements: dict[str, Any]) -> bool:
    return list(denied([READ], {"Statement": list(statements)})) == [READ]


@pytest.mark.parametrize(
    "statements",
    [
        [{"Effect": "Allow", "Action": ["kms:*", "s3:Put*"], "Resource": "*"}],
        [{"Effect": "Allow", "Action": "S3:GET*", "Resource": "arn:aws:s3:::other/*"}],
        [{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}],
        [{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::*"}],
        [ALLOWS, {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}],
        [ALLOWS, {"Effect": "Deny", "NotAction": "kms:*", "Resource": "arn:aws:s3:::data/*"}],
        [ALLOWS, {"Effect": "Deny", "Action": "s3:*", "NotResource": "arn:aws:s3:::theirs/*"}],
    ],
)
def test_what_no_statement_allows_or_one_denies_is_told(statements: list[dict[str, Any]]) -> None:
    assert is_denied(*statements)


@pytest.mark.parametrize(
    "statements",
    [
        [ALLOWS],
        [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::data/one*"}],
        [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}],
        [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:x": "y"}}}],
        [ALLOWS, {"Effect": "Deny", "Action": "iam:*", "Resource": "*"}],
        [ALLOWS, {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::data/secret/*"}],
        [ALLOWS, {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:x": "false"}}}],
        [ALLOWS, {"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::data/*"}],
    ],
)
def test_what_may_be_possible_is_not(statements: list[dict[str, Any]]) -> None:
    assert not is_denied(*statements)
