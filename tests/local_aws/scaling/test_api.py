"""Registering a target needs permissions in the target's service and in CloudWatch, besides the one to register.

Source: "Permissions validation for Application Auto Scaling API calls on target resources", its user guide ("We call
the `PutMetricAlarm` API without any parameters"); "Auto scaling prerequisites", SageMaker developer guide.
"""

import pytest
from botocore.exceptions import ClientError

from local_aws.home import ACCOUNT, DEFAULT_REGION, Home
from tests.local_aws.conftest import Client, assume, make_role

pytestmark = pytest.mark.e2e

SAGEMAKER = f"arn:aws:sagemaker:{DEFAULT_REGION}:{ACCOUNT}"
SCALING = {"Action": "application-autoscaling:*", "Resource": "*"}
ALARMS = {"Action": ["cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms"]}
ENDPOINTS = {
    "Action": [
        "sagemaker:DescribeEndpoint",
        "sagemaker:DescribeEndpointConfig",
        "sagemaker:UpdateEndpointWeightsAndCapacities",
    ]
}
ANY = {"Resource": "*"}
ANY_ENDPOINT = {"Resource": [f"{SAGEMAKER}:endpoint/*", f"{SAGEMAKER}:endpoint-config/*"]}


@pytest.mark.parametrize(
    ("name", "alarms", "endpoints", "answer"),
    [
        ("alarms", {"Resource": "arn:aws:cloudwatch:*:*:alarm:TargetTracking-*"}, ANY, "cloudwatch:PutMetricAlarm"),
        ("endpoint", ANY, {"Resource": f"{SAGEMAKER}:endpoint/known"}, "sagemaker:DescribeEndpoint"),
        ("config", ANY, {"Resource": f"{SAGEMAKER}:endpoint/*"}, "sagemaker:DescribeEndpointConfig"),
        ("all", ANY, ANY_ENDPOINT, "ValidationException.*endpoint"),  # there is none of this name
    ],
)
def test_it_is_refused_to_who_lacks_one(
    client: Client, home: Home, name: str, alarms: dict[str, str], endpoints: dict[str, str], answer: str
) -> None:
    make_role(client, f"registers-{name}", "sagemaker.amazonaws.com", SCALING, ALARMS | alarms, ENDPOINTS | endpoints)
    with pytest.raises(ClientError, match=answer):
        assume(client, home, f"registers-{name}")("application-autoscaling").register_scalable_target(
            ServiceNamespace="sagemaker",
            ResourceId="endpoint/known/variant/live",
            ScalableDimension="sagemaker:variant:DesiredInstanceCount",
            MinCapacity=1,
            MaxCapacity=2,
        )
