"""The CreateProcessingJob request of `make score`, without the name, the images and where the results go."""

from typing import Any

from settings import Settings
from stacks.network import Placement

MAX_HOURS = 24
# Where serving/score.py has its data; tools/score adds the two others.
MODEL_PATH = "/opt/ml/processing/model"


def scoring_job(
    settings: Settings,
    *,
    image_uri: str,
    model_data_url: str,
    role_arn: str,
    key_arn: str,
    placement: Placement | None = None,
) -> dict[str, Any]:
    """Run the endpoint's image and model as a job, without a network; values may be CDK tokens."""
    cluster: dict[str, Any] = {"InstanceType": settings.endpoint_instance_type, "InstanceCount": 1}
    return {
        "RoleArn": role_arn,
        "AppSpecification": {"ImageUri": image_uri, "ContainerEntrypoint": ["python", "-m", "serving.score"]},
        "ProcessingInputs": [
            {
                "InputName": "model",
                "S3Input": {
                    "S3Uri": model_data_url,
                    "LocalPath": MODEL_PATH,
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                    "S3DataDistributionType": "FullyReplicated",
                },
            }
        ],
        "ProcessingOutputConfig": {"Outputs": [], "KmsKeyId": key_arn},
        "ProcessingResources": {"ClusterConfig": cluster},
        "StoppingCondition": {"MaxRuntimeInSeconds": MAX_HOURS * 3600},
        "NetworkConfig": {"EnableNetworkIsolation": True, **(placement.vpc_config if placement else {})},
        "Tags": [{"Key": key, "Value": value} for key, value in settings.every_tag.items()],
    }
