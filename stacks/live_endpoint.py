"""Custom resources that ask SageMaker about an endpoint: does it exist, and does it run the intended configuration?

The function of the trained model answers both. Source for the danger that LiveEndpoint averts:
hashicorp/terraform-provider-aws issues 48997 and 49020 (an endpoint that was rolled back loses its configuration), and
"Auto-rollback configuration and monitoring", SageMaker developer guide.
"""

from aws_cdk import CustomResource, Duration, Reference
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from stacks.permissions.statements import arn


class ExistingEndpoint(Construct):
    """`exists` is true if the endpoint is there already when it is given `config`."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        function_name: str,
        endpoint_name: str,
        config: sagemaker.CfnEndpointConfig,
    ) -> None:
        super().__init__(scope, id)
        # Asked again with each configuration, which is a property for that alone.
        look = _look(self, "Custom::ExistingEndpoint", function_name, endpoint_name, config)
        self.exists: Reference = look.get_att("Exists")


class LiveEndpoint(Construct):
    """Fails the stack, before CloudFormation cleans up, if `endpoint` does not run `config` after its update.

    It is the last resource of its stack that can fail.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        function_name: str,
        endpoint_name: str,
        endpoint: sagemaker.CfnEndpoint,
        config: sagemaker.CfnEndpointConfig,
    ) -> None:
        super().__init__(scope, id)
        _look(self, "Custom::LiveEndpoint", function_name, endpoint_name, config).node.add_dependency(endpoint)


def _look(
    scope: Construct, type_: str, function_name: str, endpoint_name: str, config: sagemaker.CfnEndpointConfig
) -> CustomResource:
    return CustomResource(
        scope,
        "Check",
        resource_type=type_,
        # By name, without an export: it would tie the stack of the function to this one.
        service_token=arn("lambda", f"function:{function_name}"),
        service_timeout=Duration.minutes(5),
        properties={"EndpointName": endpoint_name, "EndpointConfigName": config.attr_endpoint_config_name},
    )
