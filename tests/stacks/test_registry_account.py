"""Training images come from AWS's registry of the region that is deployed to."""

from aws_cdk.assertions import Template

from aws.registries import REGISTRY_ACCOUNTS
from tests.stacks.conftest import Synthesize


def test_the_account_follows_the_region(templates: dict[str, Template]) -> None:
    for stack in ("roles", "trained-model"):
        mapping = templates[stack].to_json()["Mappings"]["Registries"]
        assert {region: values["Account"] for region, values in mapping.items()} == REGISTRY_ACCOUNTS


def test_an_account_that_is_given_is_taken_as_it_is(synthesize: Synthesize) -> None:
    """For a region that the mapping lacks, or a copy of the images."""
    for template in synthesize(container_account="111122223333").values():
        assert "Mappings" not in template.to_json()
