"""Everything that can carry tags carries app and stage, so that costs and owners can be told apart."""

from typing import Any

import pytest
from aws_cdk.assertions import Template
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER


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


@pytest.mark.parametrize("settings", ["templates", "gpu_fleet"])
def test_what_can_be_tagged_carries_app_and_stage(settings: str, request: pytest.FixtureRequest) -> None:
    templates: dict[str, Template] = request.getfixturevalue(settings)
    untagged = [
        f"{name}.{id} ({resource['Type']})"
        for name, template in templates.items()
        for id, resource in template.to_json()["Resources"].items()
        if (where := _tag_property(resource["Type"])) is not None
        and not {"app", "stage"} <= set(_tags(resource.get("Properties", {}).get(where, [])))
    ]
    assert untagged == []


def _tags(given: Any) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in given} if isinstance(given, list) else dict(given)
