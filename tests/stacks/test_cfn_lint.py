"""cfn-lint has nothing to say about any template, whatever the settings."""

import json

import pytest
from aws_cdk.assertions import Template
from cfnlint.api import lint

# Resource types and their properties are not the same in every region.
REGIONS = ["us-east-1", "eu-central-1", "ap-southeast-2", "cn-north-1", "us-gov-west-1"]
# By stack, rule and place, of outputs by their name.
_WAIT_DATA = "the schema calls the data of a wait condition an object, but what CloudFormation returns is JSON text"
_REQUEST = "the output is a request in JSON, and tells of imported values what no other output does"
EXCEPTIONS = {
    ("serving", "W6001", "Outputs/ScoringJob"): _REQUEST,
    ("trained-model", "E6101", "Outputs/TestAccuracy"): _WAIT_DATA,
    ("ec2-training", "E6101", "Outputs/Trained"): _WAIT_DATA,
}


@pytest.mark.parametrize("settings", ["templates", "gpu_fleet", "private"])
def test_templates_are_valid(settings: str, request: pytest.FixtureRequest) -> None:
    templates: dict[str, Template] = request.getfixturevalue(settings)
    found = {
        (stack, match.rule.id, "/".join(map(str, match.path[: 2 if match.path[0] == "Outputs" else None]))): match
        for stack, template in templates.items()
        for match in lint(json.dumps(template.to_json()), regions=REGIONS)
    }
    assert {key: match.message for key, match in found.items() if key not in EXCEPTIONS} == {}
    expected = {(stack, *rest) for stack, *rest in EXCEPTIONS if stack in templates}
    assert expected <= set(found), "an exception that nothing needs any more"
