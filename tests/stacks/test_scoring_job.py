"""The request of `make score`, an output of the serving stack: the endpoint's image and model, without a network."""

import json
from typing import Any

import boto3
from aws_cdk.assertions import Template

from serving import score
from tests.stacks.conftest import Synthesize
from tests.stacks.resources import only, text
from tools.score.job import IMAGES_PATH, RESULTS_PATH


def request(templates: dict[str, Template]) -> dict[str, Any]:
    output = templates["serving"].to_json()["Outputs"]["ScoringJob"]["Value"]
    found: dict[str, Any] = json.loads(text(output))
    return found


def test_it_runs_the_endpoint_s_image_and_model_with_a_role_of_its_own_and_no_network(
    templates: dict[str, Template],
) -> None:
    container = only(templates["serving"], "AWS::SageMaker::Model")["PrimaryContainer"]
    job = request(templates)
    assert job["AppSpecification"]["ImageUri"] == text(container["Image"])
    assert job["AppSpecification"]["ContainerEntrypoint"] == ["python", "-m", "serving.score"]
    [model] = job["ProcessingInputs"]
    assert model["S3Input"]["S3Uri"] == text(container["ModelDataUrl"])
    assert "Scoring" in job["RoleArn"]
    assert job["NetworkConfig"] == {"EnableNetworkIsolation": True}
    assert "Key" in job["ProcessingOutputConfig"]["KmsKeyId"]


def test_the_program_has_its_data_where_the_job_puts_it(templates: dict[str, Template]) -> None:
    [model] = request(templates)["ProcessingInputs"]
    for path in (f"{model['S3Input']['LocalPath']}/model.tar.gz", IMAGES_PATH, RESULTS_PATH):
        assert path in (score.__doc__ or "")


def test_sagemaker_knows_every_member(templates: dict[str, Template]) -> None:
    client = boto3.session.Session().client("sagemaker", region_name="us-east-1")
    members = client.meta.service_model.operation_model("CreateProcessingJob").input_shape.members
    assert not set(request(templates)) - set(members)


def test_it_is_tagged_and_bounded_and_is_there_while_the_endpoint_is_off(synthesize: Synthesize) -> None:
    job = request(synthesize(endpoint="off", tags="cost-center=7"))
    assert {tag["Key"]: tag["Value"] for tag in job["Tags"]} == {"app": "slipway", "stage": "dev", "cost-center": "7"}
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 24 * 3600}
