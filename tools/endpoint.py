"""An endpoint, as SageMaker describes it."""

from typing import Any

from botocore.exceptions import ClientError


def describe(name: str, sagemaker: Any) -> dict[str, Any] | None:
    """DescribeEndpoint's answer; None if there is no such endpoint.

    Args:
        sagemaker: client to ask.

    Raises:
        ClientError: SageMaker refused.
    """
    try:
        return dict(sagemaker.describe_endpoint(EndpointName=name))
    except ClientError as error:
        # "Could not find endpoint": DescribeEndpoint has no error of its own for that (SageMaker API reference).
        if error.response["Error"]["Code"] != "ValidationException":
            raise
        return None
