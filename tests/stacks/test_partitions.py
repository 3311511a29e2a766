"""The same templates hold in China, GovCloud and everywhere else; test_cfn_lint.py looks at them for each, too.

ARNs and domains are the partition's ("Partitions", AWS Fault Isolation Boundaries). Names of services are not: they are
`SERVICE.amazonaws.com` everywhere (the CDK's feature flag `aws-iam:standardizedServicePrincipals`).
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Template
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from aws.registries import REGISTRY_ACCOUNTS
from aws.resource_types import BUDGET, ENDPOINT, REGIONS_WITHOUT
from tests.stacks.resources import only

ROOT = Path(__file__).parents[2]
PARTITIONS = {
    "us-east-1": ("aws", "amazonaws.com"),
    "eu-north-1": ("aws", "amazonaws.com"),
    "cn-north-1": ("aws-cn", "amazonaws.com.cn"),
    "us-gov-west-1": ("aws-us-gov", "amazonaws.com"),
}
SERVICES = {
    "apigateway", "budgets", "cloudwatch", "ec2", "events", "lambda", "lambda.application-autoscaling", "logging.s3",
    "sagemaker", "sagemaker.application-autoscaling",
}  # fmt: skip
each_region = pytest.mark.parametrize("region", PARTITIONS)
each_app = pytest.mark.parametrize("settings", ["templates", "gpu_fleet"])


def deployed(value: Any, region: str, mappings: dict[str, Any]) -> Any:
    """`value` of a template as it is in a deploy to the region; what only an account knows is left empty."""
    partition, suffix = PARTITIONS[region]
    known = {"AWS::Partition": partition, "AWS::Region": region, "AWS::URLSuffix": suffix}
    match value:
        case {"Ref": name} if len(value) == 1:
            return known.get(name, "")
        case {"Fn::Join": [separator, [*parts]]}:
            return separator.join(str(deployed(part, region, mappings)) for part in parts)
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([^}]+)\}", lambda found: known.get(found[1], ""), text)
        case {"Fn::FindInMap": [name, *keys]}:
            first, second = (deployed(key, region, mappings) for key in keys)
            return mappings[name][first][second]
        case dict():
            return {key: deployed(part, region, mappings) for key, part in value.items()}
        case list():
            return [deployed(part, region, mappings) for part in value]
    return value


def texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for part in value.values():
                yield from texts(part)
        case list():
            for part in value:
                yield from texts(part)


def everything(templates: dict[str, Template], region: str) -> set[str]:
    found = [template.to_json() for template in templates.values()]
    return {text for one in found for text in texts(deployed(one["Resources"], region, one.get("Mappings", {})))}


@each_app
@each_region
def test_arns_and_domains_are_those_of_the_partition(
    settings: str, region: str, request: pytest.FixtureRequest
) -> None:
    written = everything(request.getfixturevalue(settings), region)
    partition, suffix = PARTITIONS[region]
    assert {arn for text in written for arn in re.findall(r"\barn:([\w-]+):", text)} == {partition}
    domains = {domain for text in written for domain in re.findall(r"[\w.-]*\bamazonaws\.com[\w.]*", text)}
    of_partition = domains - {f"{service}.amazonaws.com" for service in SERVICES}
    assert of_partition
    assert {domain for domain in of_partition if domain != suffix and not domain.endswith(f".{suffix}")} == set()


@each_region
def test_training_images_come_from_the_region_s_own_registry(templates: dict[str, Template], region: str) -> None:
    template = templates["trained-model"]
    job = only(template, "Custom::TrainedModel")["Request"]
    mapped = template.to_json()["Mappings"]
    image = json.loads(deployed(job, region, mapped))["AlgorithmSpecification"]["TrainingImage"]
    account = mapped["Registries"][region]["Account"]
    assert image.startswith(f"{account}.dkr.ecr.{region}.{PARTITIONS[region][1]}/pytorch:")


@pytest.mark.parametrize("folder", ["lambda", "ec2", "training", "serving", "notebooks"])
def test_what_runs_in_aws_names_no_partition_of_its_own(folder: str) -> None:
    for file in (ROOT / folder).rglob("*"):
        if file.suffix in {".py", ".sh", ".ipynb"}:
            assert not re.search(
                r"arn:aws|\.amazonaws\.com(?!/)", file.read_text().replace("docs.aws.amazon.com", "")
            ), file


def test_resource_types_that_a_region_lacks_are_those_that_cloudformation_says() -> None:
    for kind, regions in REGIONS_WITHOUT.items():
        lacking = {
            region
            for region in REGISTRY_ACCOUNTS
            if kind not in PROVIDER_SCHEMA_MANAGER.get_resource_types(region=region)
        }
        assert lacking == set(regions)


@each_app
def test_no_other_type_of_the_templates_is_lacking_anywhere(settings: str, request: pytest.FixtureRequest) -> None:
    templates: dict[str, Template] = request.getfixturevalue(settings)
    used = {found["Type"] for template in templates.values() for found in template.to_json()["Resources"].values()}
    for region in set(REGISTRY_ACCOUNTS) - set(REGIONS_WITHOUT[ENDPOINT]):
        lacking = {kind for kind in used if kind.startswith("AWS::")} - set(
            PROVIDER_SCHEMA_MANAGER.get_resource_types(region=region)
        )
        assert lacking <= {BUDGET, "AWS::CDK::Metadata"}, region
