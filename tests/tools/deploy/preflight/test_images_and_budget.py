"""An image that is not in AWS's registry, and billing that may not be read, are told before anything is created."""

from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from tests.tools.deploy.preflight.conftest import ACCOUNT, Aws, target
from tools.deploy.preflight.budget import billing_access
from tools.deploy.preflight.images import training_image
from tools.deploy.preflight.target import Unknown
from tools.preflight import NotReady

ASKED = {
    "registryId": "763104351884",
    "repositoryName": "pytorch",
    "imageIds": [{"imageTag": "2.13-cpu-amzn2023-sagemaker"}],
}


def test_the_tag_of_the_training_image_is_looked_for_in_aws_s_registry(aws: Aws) -> None:
    aws("ecr").add_response("describe_images", {"imageDetails": [{}]}, ASKED)
    assert training_image(target()) == "pytorch:2.13-cpu-amzn2023-sagemaker is in account 763104351884"


@pytest.mark.parametrize("code", ["ImageNotFoundException", "RepositoryNotFoundException"])
def test_one_that_is_not_there_is_told_with_the_command_that_lists_those_that_are(aws: Aws, code: str) -> None:
    aws("ecr").add_client_error("describe_images", code)
    with pytest.raises(NotReady, match=r"is not in account 763104351884: set .* --repository-name pytorch$"):
        training_image(target())


def test_a_region_whose_registry_is_not_known_asks_for_its_account(aws: Aws) -> None:
    new = replace(target(), region="eu-new-1")
    with pytest.raises(NotReady, match="no account of AWS's images is known in eu-new-1: set container_account"):
        training_image(new)
    aws("ecr").add_response("describe_images", {"imageDetails": [{}]}, ASKED | {"registryId": "123456789012"})
    assert training_image(target(container_account="123456789012")).endswith("in account 123456789012")


def test_who_may_not_ask_for_images_is_told_so(aws: Aws) -> None:
    aws("ecr").add_client_error("describe_images", "AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDenied"):
        training_image(target())


def test_budgets_that_can_be_read_are_right(aws: Aws) -> None:
    aws("budgets").add_response("describe_budgets", {"Budgets": []}, {"AccountId": ACCOUNT, "MaxResults": 1})
    assert billing_access(target()) == "budgets can be read"


def test_without_a_budget_billing_is_not_asked() -> None:
    assert billing_access(target(monthly_budget_usd=0)) == "no budget is set"


def test_who_may_not_read_budgets_hears_who_can_allow_it(aws: Aws) -> None:
    """ "IAM tutorial: Grant access to the billing console", IAM user guide."""
    aws("budgets").add_client_error("describe_budgets", "AccessDeniedException")
    with pytest.raises(Unknown, match=r"root user activate .* SETTINGS=monthly_budget_usd=0"):
        billing_access(target())
