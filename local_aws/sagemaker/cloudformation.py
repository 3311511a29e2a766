"""CloudFormation types AWS::SageMaker::Model, EndpointConfig and Endpoint. `Ref` is the ARN, as on AWS."""

import contextlib
import secrets
from typing import Any

from local_aws.resource_type import Identity, ResourceType
from local_aws.sagemaker import api
from local_aws.service import ApiError


def _name(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]


def _generated(stack_name: str, logical_id: str) -> str:
    """Generate a new name at each creation, so that an unnamed resource can be replaced."""
    return f"{logical_id[:40]}-{secrets.token_hex(6)}".lower()


def _create_model(request: dict[str, Any]) -> Identity:
    return api.create_model(request)["ModelArn"], {"ModelName": request["ModelName"]}


def _create_config(request: dict[str, Any]) -> Identity:
    arn = api.create_endpoint_config(request)["EndpointConfigArn"]
    return arn, {"EndpointConfigName": request["EndpointConfigName"]}


def _create_endpoint(request: dict[str, Any]) -> Identity:
    name = request["EndpointName"]
    arn = api.create_endpoint(request)["EndpointArn"]
    try:
        api.endpoints.get(name).wait()
    except RuntimeError:
        _delete_endpoint(arn, {})
        raise
    return arn, {"EndpointName": name}


def _update_endpoint(arn: str, request: dict[str, Any]) -> Identity:
    api.update_endpoint({**request, "EndpointName": _name(arn)})
    api.endpoints.get(_name(arn)).wait()
    return arn, {"EndpointName": _name(arn)}


def _delete_endpoint(arn: str, properties: dict[str, Any]) -> None:
    """Delete the endpoint once it has stopped changing; SageMaker refuses before."""
    with contextlib.suppress(ApiError, RuntimeError):  # it does not exist, or its last change failed
        api.endpoints.get(_name(arn)).wait()
    _ignore_missing(api.delete_endpoint, {"EndpointName": _name(arn)})


def _ignore_missing(operation: Any, request: dict[str, Any]) -> None:
    """Run a delete operation; a missing resource counts as deleted, as in CloudFormation."""
    try:
        operation(request)
    except ApiError as error:
        if "Could not find" not in str(error):
            raise


TYPES = {
    "AWS::SageMaker::Model": ResourceType(
        service="sagemaker",
        operation="CreateModel",
        name_property="ModelName",
        create=_create_model,
        delete=lambda arn, _: _ignore_missing(api.OPERATIONS["DeleteModel"], {"ModelName": _name(arn)}),
        generate_name=_generated,
        replacing=(
            "ModelName",
            "ExecutionRoleArn",
            "PrimaryContainer",
            "Containers",
            "EnableNetworkIsolation",
            "VpcConfig",
        ),
    ),
    "AWS::SageMaker::EndpointConfig": ResourceType(
        service="sagemaker",
        operation="CreateEndpointConfig",
        name_property="EndpointConfigName",
        create=_create_config,
        delete=lambda arn, _: _ignore_missing(
            api.OPERATIONS["DeleteEndpointConfig"], {"EndpointConfigName": _name(arn)}
        ),
        generate_name=_generated,
        replacing=(
            "EndpointConfigName",
            "ProductionVariants",
            "KmsKeyId",
            "DataCaptureConfig",
            "AsyncInferenceConfig",
        ),
    ),
    "AWS::SageMaker::Endpoint": ResourceType(
        service="sagemaker",
        operation="CreateEndpoint",
        name_property="EndpointName",
        create=_create_endpoint,
        update=_update_endpoint,
        delete=_delete_endpoint,
        generate_name=_generated,
        replacing=("EndpointName",),
        update_only=("RetainAllVariantProperties", "RetainDeploymentConfig"),
    ),
}
