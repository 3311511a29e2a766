"""Permissions that Application Auto Scaling asks of whoever registers a target, by calls that name no resource.

Sources: "Permissions validation for Application Auto Scaling API calls on target resources", Application Auto Scaling
user guide ("We call the PutMetricAlarm API without any parameters"); "Auto scaling prerequisites", SageMaker developer
guide. The endpoint configuration has an invented name: https://github.com/aws-controllers-k8s/community/issues/2110.
"""

_ALARMS = dict.fromkeys((f"cloudwatch:{verb}" for verb in ("PutMetricAlarm", "DescribeAlarms", "DeleteAlarms")), "*")
_ENDPOINTS = {
    "sagemaker:DescribeEndpoint": "endpoint/*",
    "sagemaker:DescribeEndpointConfig": "endpoint-config/*",
    "sagemaker:UpdateEndpointWeightsAndCapacities": "endpoint/*",
}


def validated(namespace: str, region: str, account: str) -> dict[str, str]:
    """Resource on which an action has to be allowed, by the action, for targets of a namespace such as `sagemaker`."""
    endpoints = _ENDPOINTS if namespace == "sagemaker" else {}
    prefix = f"arn:aws:sagemaker:{region}:{account}"
    return _ALARMS | {action: f"{prefix}:{resource}" for action, resource in endpoints.items()}
