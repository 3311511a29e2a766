"""The last resource of the serving stack that can fail: what is live is what was intended.

Source for the danger: hashicorp/terraform-provider-aws issues 48997 and 49020 (an endpoint that was rolled back loses
its configuration), and "Auto-rollback configuration and monitoring", SageMaker developer guide.
"""

from aws_cdk import CustomResource, Duration
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from stacks.permissions.statements import arn


class LiveEndpoint(Construct):
    """Fails the stack, before CloudFormation cleans up, if `endpoint` does not run `config` after its update."""

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
        check = CustomResource(
            self,
            "Check",
            resource_type="Custom::LiveEndpoint",
            # By name, without an export: it would tie the stack of the function to this one.
            service_token=arn("lambda", f"function:{function_name}"),
            service_timeout=Duration.minutes(5),
            properties={"EndpointName": endpoint_name, "EndpointConfigName": config.attr_endpoint_config_name},
        )
        check.node.add_dependency(endpoint)
