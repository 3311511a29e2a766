"""Everything that can carry tags carries app, stage and the project's own, so that costs can be told apart."""

from typing import Any

import pytest
from aws_cdk.assertions import Template
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from tests.stacks.conftest import Synthesize, synthesize_to
from tests.stacks.resources import ON_EC2, of_type, only, training_request


def _tag_property(type_: str) -> str | None:
    """The property that holds a type's tags, by its CloudFormation schema; None where it has none."""
    if not type_.startswith("AWS::") or type_.startswith("AWS::CloudFormation::WaitCondition"):
        return None
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", type_).schema
    tagging = schema.get("tagging", {"taggable": schema.get("taggable", True)})
    if not tagging.get("taggable", True):
        return None
    name = tagging.get("tagProperty", "/properties/Tags").rpartition("/")[2]
    return name if name in schema["properties"] else None


OWN = {"team": "vision", "cost-centre": "4711"}


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    """Everything that has tags, with tags of its own."""
    return synthesize_to(
        tmp_path_factory.mktemp("cdk.out"), tags="team=vision,cost-centre=4711", notebook=True, **ON_EC2
    )


@pytest.mark.parametrize(
    ("settings", "tags"),
    [("templates", {"app", "stage"}), ("gpu_fleet", {"app", "stage"}), ("tagged", {"app", "stage", *OWN})],
)
def test_what_can_be_tagged_carries_the_tags(settings: str, tags: set[str], request: pytest.FixtureRequest) -> None:
    templates: dict[str, Template] = request.getfixturevalue(settings)
    untagged = [
        f"{name}.{id} ({resource['Type']})"
        for name, template in templates.items()
        for id, resource in template.to_json()["Resources"].items()
        if (where := _tag_property(resource["Type"])) is not None
        and not tags <= set(_tags(resource.get("Properties", {}).get(where, [])))
    ]
    assert untagged == []


def _tags(given: Any) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in given} if isinstance(given, list) else dict(given)


@pytest.mark.parametrize("tuning", [{}, {"tuning_max_jobs": 2, "tuning_epochs": "1..2"}], ids=["training", "tuning"])
def test_the_job_carries_the_tags(synthesize: Synthesize, tuning: dict[str, Any]) -> None:
    """A tuning job's training jobs get its tags: "CreateHyperParameterTuningJob", SageMaker API reference."""
    request = training_request(synthesize(tags="team=vision", **tuning)["trained-model"])
    assert _tags(request["Tags"]) == {"app": "slipway", "stage": "dev", "team": "vision"}


def test_other_tags_are_no_other_model_and_a_new_configuration_of_the_same_endpoint(
    templates: dict[str, Template], synthesize: Synthesize
) -> None:
    """ "UpdateEndpoint", SageMaker API reference: "To update an endpoint, you must create a new EndpointConfig"."""
    digests, configs, names = zip(
        *(
            (
                only(stacks["trained-model"], "Custom::TrainedModel")["Digest"],
                *stacks["serving"].find_resources("AWS::SageMaker::EndpointConfig"),
                only(stacks["serving"], "AWS::SageMaker::Endpoint")["EndpointName"],
            )
            for stacks in (templates, synthesize(tags="team=vision"))
        ),
        strict=True,
    )
    assert digests[0] == digests[1]
    assert configs[0] != configs[1]
    assert names[0] == names[1]


def test_the_ec2_host_carries_the_tags_and_its_volume_takes_them_over(tagged: dict[str, Template]) -> None:
    [host] = of_type(tagged["ec2-training"], "AWS::EC2::Instance")
    assert OWN.items() <= _tags(host["Tags"]).items()
    assert host["PropagateTagsToVolumeOnCreation"] is True
