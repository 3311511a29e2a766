"""SageMaker's quotas that are too low are told before anything is created, each with the request that mends it.

AWS's pages: "ListServiceQuotas" and "GetServiceQuota", Service Quotas API reference; "Blue/green deployments",
SageMaker developer guide.
"""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.tools.deploy.preflight.conftest import Aws, target
from tools.deploy.preflight.quotas import instances
from tools.deploy.preflight.target import Unknown
from tools.preflight import NotReady

# Types whose quotas' codes are not in aws/quotas.py.
RARE: dict[str, Any] = {"training_instance_type": "ml.m5.24xlarge", "endpoint_instance_type": "ml.c5.large"}
TRAINING, ENDPOINT = "ml.m5.24xlarge for training job usage", "ml.c5.large for endpoint usage"

Listed = Callable[..., None]


def quota(name: str, value: float) -> dict[str, Any]:
    return {"QuotaName": name, "QuotaCode": f"L-{name[:10]}", "Value": value}


@pytest.fixture
def listed(aws: Aws) -> Listed:
    """Makes Service Quotas list these quotas, in pages of `size`."""

    def answer(operation: str = "list_service_quotas", size: int = 100, **quotas: float) -> None:
        found = [quota(name, value) for name, value in quotas.items()]
        pages = [found[begin : begin + size] for begin in range(0, len(found), size)] or [[]]
        for number, page in enumerate(pages):
            more = {"NextToken": str(number + 1)} if page is not pages[-1] else {}
            asked = {"ServiceCode": "sagemaker", "MaxResults": 100, **({"NextToken": str(number)} if number else {})}
            aws("service-quotas").add_response(operation, {"Quotas": page, **more}, asked)

    return answer


def refused(**settings: Any) -> list[str]:
    with pytest.raises(NotReady) as said:
        instances(target(**RARE | settings))
    return said.value.problems


def test_a_quota_of_0_is_told_with_its_request_for_each_use(listed: Listed) -> None:
    listed(**{TRAINING: 0, ENDPOINT: 0})
    request = "aws service-quotas request-service-quota-increase --service-code sagemaker --quota-code"
    assert refused() == [
        f"{TRAINING} is 0, needed: 1 (training): {request} L-ml.m5.24xl --desired-value 1",
        f"{ENDPOINT} is 0, needed: 2 (old and new fleet of an update): {request} L-ml.c5.larg --desired-value 6",
    ]


def test_enough_to_deploy_is_right_and_what_lacks_at_full_size_is_told(listed: Listed) -> None:
    listed(**{TRAINING: 1, ENDPOINT: 2})
    said = instances(target(**RARE))
    assert f"{TRAINING} is 1, needed: 1 (training); " in said
    assert said.endswith(
        f"{ENDPOINT} is 2, needed: 2 (old and new fleet of an update), at full size 6: aws service-quotas "
        "request-service-quota-increase --service-code sagemaker --quota-code L-ml.c5.larg --desired-value 6"
    )


@pytest.mark.parametrize(
    ("settings", "name", "least"),
    [
        ({"training_instance_count": 4}, TRAINING, 4),
        ({"spot": True, "training_instance_count": 4}, "ml.m5.24xlarge for spot training job usage", 4),
        (
            {"tuning_max_jobs": 8, "tuning_parallel_jobs": 3, "tuning_learning_rate": "0.001..0.1",
             "training_instance_count": 2},
            TRAINING,
            6,
        ),
        ({"endpoint_min_instances": 3}, ENDPOINT, 6),
        ({"notebook": True}, "ml.t3.medium for notebook instance usage", 1),
    ],
    ids=["several instances", "spot", "tuning", "fleet", "notebook"],
)  # fmt: skip
def test_each_use_needs_a_quota_of_its_own(listed: Listed, settings: dict[str, Any], name: str, least: int) -> None:
    plenty = {TRAINING: 100, "ml.m5.24xlarge for spot training job usage": 100, ENDPOINT: 100}
    listed(**plenty | {name: least - 1})
    [line] = refused(**settings)
    assert line.startswith(f"{name} is {least - 1}, needed: {least} (")


def test_the_most_that_a_schedule_allows_is_full_size(listed: Listed) -> None:
    listed(**{TRAINING: 1, ENDPOINT: 2})
    said = instances(target(**RARE, endpoint_schedule="cron(0 8 ? * MON-FRI *)=2..9"))
    assert "at full size 18: " in said


def test_the_list_is_read_page_by_page_until_all_are_found(listed: Listed, aws: Aws) -> None:
    others = {f"other {number}": 1 for number in range(3)}
    listed(size=2, **others, **{ENDPOINT: 9, TRAINING: 9})
    instances(target(**RARE))
    aws("service-quotas").assert_no_pending_responses()


def test_a_quota_without_an_applied_value_has_its_default(listed: Listed) -> None:
    listed(**{TRAINING: 9})
    listed("list_aws_default_service_quotas", **{ENDPOINT: 0, TRAINING: 0})
    [line] = refused()
    assert line.startswith(f"{ENDPOINT} is 0")


def test_a_type_without_a_quota_is_unknown(listed: Listed) -> None:
    listed(**{TRAINING: 9})
    listed("list_aws_default_service_quotas")
    with pytest.raises(Unknown, match=rf"eu-west-1 has no quota {ENDPOINT}: SageMaker may lack the type there"):
        instances(target(**RARE))


def test_quotas_of_known_codes_are_asked_for_one_by_one(aws: Aws) -> None:
    ask = aws("service-quotas").add_response
    for code, name in (
        ("L-614B09FD", "ml.m5.large for endpoint usage"),
        ("L-8541302D", "ml.m5.large for processing job usage"),
        ("L-CCE2AFA6", "ml.m5.xlarge for training job usage"),
    ):
        answer = {"Quota": {"QuotaName": name, "QuotaCode": code, "Value": 10.0}}
        ask("get_service_quota", answer, {"ServiceCode": "sagemaker", "QuotaCode": code})
    assert instances(target()).startswith("ml.m5.xlarge for training job usage is 10, needed: 1 ")


def test_a_code_that_means_something_else_now_is_looked_up_by_name(aws: Aws, listed: Listed) -> None:
    aws("service-quotas").add_response("get_service_quota", {"Quota": quota("something else", 100)})
    for _ in range(2):
        aws("service-quotas").add_client_error("get_service_quota", "NoSuchResourceException")
    listed(**{
        "ml.m5.large for endpoint usage": 0, "ml.m5.large for processing job usage": 1,
        "ml.m5.xlarge for training job usage": 1,
    })  # fmt: skip
    with pytest.raises(NotReady, match=r"^ml.m5.large for endpoint usage is 0"):
        instances(target())


def test_a_deploy_needs_no_quota_for_scoring_and_is_told_how_to_get_one(listed: Listed) -> None:
    """make score runs processing jobs on the endpoint's type, where SageMaker has it for them."""
    scoring = "ml.r5.large for processing job usage"
    listed(**{TRAINING: 1, "ml.r5.large for endpoint usage": 9, scoring: 0})
    said = instances(target(**RARE | {"endpoint_instance_type": "ml.r5.large"}))
    assert f"{scoring} is 0, needed: 0 (make score), at full size 1: aws service-quotas request-service-q" in said


def test_who_may_not_ask_is_told_so(aws: Aws) -> None:
    aws("service-quotas").add_client_error("list_service_quotas", "AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDenied"):
        instances(target(**RARE))
