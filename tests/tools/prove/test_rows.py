"""The rows: declared with a step, a doubt that exists, and how they are asked; those that no local AWS can run."""

import inspect
import json
import re
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from local_aws.doubts import DOUBTS
from settings import read_settings
from tools.prove import rows, trail
from tools.prove.document import DOCUMENT, document
from tools.prove.row import ROWS, Answer
from tools.prove.rows import access, alarms
from tools.prove.steps import STEPS
from tools.prove.steps.base import SETTINGS


def test_the_page_has_every_row() -> None:
    assert rows
    assert DOCUMENT.read_text() == document(), "run make prove-docs"


def test_no_row_is_prose_alone() -> None:
    assert len(ROWS) >= 70
    for row in ROWS.values():
        assert row.how
        assert row.step in STEPS


def test_a_row_settles_a_doubt_that_exists() -> None:
    assert {row.doubt for row in ROWS.values()} - {""} <= set(DOUBTS)


def test_every_doubt_is_settled_by_a_row_but_the_one_that_no_deploy_of_ours_meets() -> None:
    """An endpoint is created without RetainAllVariantProperties: `retain-all-variant-properties` asks if that works."""
    assert set(DOUBTS) - {row.doubt for row in ROWS.values()} == {"retain-at-creation-refused"}


def test_what_takes_a_step_of_accounts_alone_says_so() -> None:
    assert [row.name for row in ROWS.values() if STEPS[row.step].account_only and row.why != "account only"] == []


def test_a_row_reads_the_facts_of_its_steps_alone() -> None:
    """Each may be asked alone."""
    for row in ROWS.values():
        read = set(re.findall(r'system\.facts\["([a-z0-9-]+)"\]', inspect.getsource(row.ask)))
        assert read <= {"base", row.step, *row.uses, *STEPS[row.step].after}, row.name


def test_every_step_has_a_row_and_settings_that_can_be_used() -> None:
    assert {row.step for row in ROWS.values()} == set(STEPS)
    for step in STEPS.values():
        assert read_settings({**SETTINGS, **step.changes}).stage == "prove"
        assert set(step.after) <= set(STEPS)


class System:
    """The part of a ProvedSystem that these rows use; `pages` are the answers of listings by operation."""

    prefix = "slipway-prove"
    facts = {"base": {"jobs": ["job"], "began": 0.0}, "tuned": {"began": 0.0}}  # noqa: RUF012

    def until(self, look: Callable[[], Any], **_: float) -> Any:
        return look()

    def outputs(self, _: str) -> dict[str, str]:
        return {"DashboardName": "slipway-prove"}


def listing(monkeypatch: pytest.MonkeyPatch, *events: dict[str, Any]) -> None:
    monkeypatch.setattr(trail, "pages", lambda *_, **__: [{"CloudTrailEvent": json.dumps(event)} for event in events])


ASSUMED = {
    "userIdentity": {"type": "AWSService", "invokedBy": "sagemaker.amazonaws.com"},
    "requestParameters": {"roleArn": "arn:aws:iam::123456789012:role/training", "roleSessionName": "SageMaker"},
}


def test_the_role_that_was_assumed_is_read_from_cloudtrail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The event's form: "Example CloudTrail API event for a service assuming a role", IAM user guide."""
    other = {**ASSUMED, "requestParameters": {"roleArn": "arn:aws:iam::123456789012:role/another"}}
    listing(monkeypatch, other, ASSUMED)
    answer = trail.assumed(System(), "training", 0)  # type: ignore[arg-type]
    assert (answer.answer, answer.ok) == ("1 calls, 0 denied", True)
    assert "roleSessionName" in answer.evidence


def test_a_denied_call_is_not_as_expected_and_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    listing(monkeypatch, ASSUMED, {**ASSUMED, "errorCode": "AccessDenied"})
    answer = trail.assumed(System(), "training", 0)  # type: ignore[arg-type]
    assert (answer.answer, answer.ok) == ("2 calls, 1 denied", False)
    assert "AccessDenied" in answer.evidence.splitlines()[0]


def test_without_a_call_the_question_is_not_answered_as_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    listing(monkeypatch)
    assert trail.assumed(System(), "training", 0) == Answer(  # type: ignore[arg-type]
        "0 calls, 0 denied", False, "no AssumeRole in CloudTrail"
    )


def test_a_security_warning_of_access_analyzer_is_not_as_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    class Client:
        def get_role(self, RoleName: str) -> dict[str, Any]:
            return {"Role": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}}}

        def validate_policy(self, policyType: str, policyDocument: str) -> dict[str, Any]:
            assert json.loads(policyDocument)["Statement"] == []
            return {"findings": [{"findingType": kind, "issueCode": "X"} for kind in ("SUGGESTION", self.kind)]}

        kind = "SUGGESTION"

    monkeypatch.setattr(access, "roles", lambda _: {"training": "slipway-prove-training"})
    monkeypatch.setattr(boto3, "client", lambda *_, **__: Client())
    assert access.trust_policies_are_valid(System()).ok  # type: ignore[arg-type]
    monkeypatch.setattr(Client, "kind", "SECURITY_WARNING")
    answer = access.trust_policies_are_valid(System())  # type: ignore[arg-type]
    assert (answer.answer, answer.ok) == ("1 findings", False)
    assert "slipway-prove-training: SUGGESTION X, SECURITY_WARNING X" in answer.evidence


SEARCH = (
    "SEARCH('{/aws/sagemaker/TrainingJobs,TrainingJobName} MetricName=\"train:loss\" slipway-prove', 'Average', 60)"
)


@pytest.mark.parametrize(("labels", "ok"), [(["job train:loss"], True), ([], False)])
def test_the_dashboard_s_searches_are_given_to_cloudwatch(
    monkeypatch: pytest.MonkeyPatch, labels: list[str], ok: bool
) -> None:
    class Client:
        def get_dashboard(self, DashboardName: str) -> dict[str, str]:
            metrics = [[{"expression": SEARCH, "label": ""}], ["AWS/Lambda", "Errors"]]
            return {"DashboardBody": json.dumps({"widgets": [{"properties": {"metrics": metrics}}]})}

        def get_metric_data(self, MetricDataQueries: list[dict[str, str]], **_: Any) -> dict[str, Any]:
            assert [query["Expression"] for query in MetricDataQueries] == [SEARCH]
            return {"MetricDataResults": [{"Label": label, "Values": [1.0]} for label in labels]}

    monkeypatch.setattr(boto3, "client", lambda *_, **__: Client())
    answer = alarms.dashboard_finds_jobs(System())  # type: ignore[arg-type]
    assert answer.ok is ok
    assert SEARCH in answer.evidence


def test_no_later_step_takes_away_what_the_stack_of_an_earlier_one_uses() -> None:
    """CloudFormation refuses to remove an export that is in use: "Get exported outputs from a deployed CloudFormation
    stack", CloudFormation user guide. The stacks of notebook and EC2 instance use roles of another stack."""
    on: dict[str, str] = {}
    for step in STEPS.values():
        if step.changes:
            assert on.items() <= step.changes.items(), step.name
        on |= {name: "true" for name in ("notebook", "ec2_training") if step.changes.get(name) == "true"}
