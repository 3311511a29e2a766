"""Service-linked roles with which Application Auto Scaling scales.

Source: "Service-linked roles for Application Auto Scaling", Application Auto Scaling user guide.
"""

NAMES = {
    "sagemaker": "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint",
    "lambda": "AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency",
}


def service(namespace: str) -> str:
    """Service that assumes the role of a namespace (`sagemaker`, `lambda`)."""
    return f"{namespace}.application-autoscaling.amazonaws.com"


def path_and_name(namespace: str) -> str:
    """Path and name of the role, which follow `role/` in its ARN."""
    return f"aws-service-role/{service(namespace)}/{NAMES[namespace]}"
