"""The reason for a resource pattern is written once, in the contract, and explains cdk-nag's finding about it."""

from iam.acknowledged import acknowledgements
from iam.contract import ContractRole, read
from iam.wildcards import wildcards

_OBJECTS = 'resource: "arn:${AWS::Partition}:s3:::b/*", why: keep notes, evidence: "assumption: x"'


def _role(*lines: str) -> ContractRole:
    may = "".join(f"      - {{{line}}}\n" for line in lines)
    return read(f"roles:\n  app-dev-the-reader:\n    purpose: reads\n    trust: []\n    may:\n{may}", {})[
        "app-dev-the-reader"
    ]


def _reasons(*lines: str) -> list[tuple[list[str], str]]:
    return [(actions, reason) for (_, reason), actions in wildcards(_role(*lines)).items()]


def test_lines_on_one_resource_share_its_reason() -> None:
    get = f'action: "s3:GetObject", wildcard: many files, {_OBJECTS}'
    put = f'action: "s3:PutObject", {_OBJECTS}'

    assert _reasons(get, put) == [(["s3:GetObject", "s3:PutObject"], "many files")]


def test_an_action_without_resources_needs_no_reason() -> None:
    line = 'action: "ecr:GetAuthorizationToken", resource: "*", why: log in, evidence: "assumption: x"'

    assert _reasons(line) == [(["ecr:GetAuthorizationToken"], "AWS has no resource for this action")]


def test_without_a_reason_of_its_own_a_pattern_is_there_for_what_the_line_is_for() -> None:
    assert _reasons(f'action: "s3:GetObject", {_OBJECTS}') == [(["s3:GetObject"], "keep notes")]


def test_a_resource_without_a_pattern_is_no_wildcard() -> None:
    assert _reasons('action: "s3:GetObject", resource: "arn:aws:s3:::b/x", why: y, evidence: "assumption: x"') == []


def test_the_reason_acknowledges_the_finding_about_the_role() -> None:
    role = _role(f'action: "s3:GetObject", wildcard: many files, {_OBJECTS}')

    assert (
        "roles/TheReader",
        "AwsSolutions::AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::b/*]",
        "s3:GetObject: many files.",
    ) in acknowledgements({role.name: role})
    assert not any("IAM5" in row.rule for row in acknowledgements({}))
