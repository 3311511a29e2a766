"""The endpoint: model, configuration, endpoint.

Model and configuration cannot be changed, so they have no name and are replaced; the endpoint is updated in
place.
"""

from aws_cdk import Aws, CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from settings import Settings
from stacks import names
from stacks.containers import serving_container
from stacks.endpoint_scaling import EndpointScaling

# The image's adapter speaks to the one replica itself, past Ray Serve's proxy and router, which take a third of the
# processor's time. The replica has one port, and has it again when it is started anew.
_REPLICA_PORT = 8001
REPLICA_ANSWERS = {
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(_REPLICA_PORT),
    "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(_REPLICA_PORT + 1),  # exclusive
    "RAY_SERVE_PORT_QUARANTINE_S": "0",
    "RAYSERVE_BACKEND_URL": f"http://127.0.0.1:{_REPLICA_PORT}",
    "RAYSERVE_BACKEND_TIMEOUT": "60",  # seconds; SageMaker's own limit
}


class Serving(Stack):
    """`endpoint_name` answers with the model at `model_data_url`, which has to be there first."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        model_data_url: str,
        key: kms.IKey,
        role: iam.IRole,
    ) -> None:
        super().__init__(scope, id)
        self.endpoint_name = names.endpoint_name(settings.prefix, settings.endpoint_instance_type)
        container = serving_container(settings.container_account, settings.endpoint_instance)
        self.model = sagemaker.CfnModel(
            self,
            "Model",
            execution_role_arn=role.role_arn,
            enable_network_isolation=True,
            primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(
                image=container.address(region=Aws.REGION, domain=Aws.URL_SUFFIX),
                model_data_url=model_data_url,
                environment=REPLICA_ANSWERS,
            ),
        )
        config = sagemaker.CfnEndpointConfig(
            self,
            "Config",
            production_variants=[
                sagemaker.CfnEndpointConfig.ProductionVariantProperty(
                    variant_name=names.VARIANT,
                    model_name=self.model.attr_model_name,
                    instance_type=settings.endpoint_instance_type,
                    initial_instance_count=settings.endpoint_min_instances,
                    initial_variant_weight=1,
                )
            ],
            kms_key_id=None if settings.endpoint_instance.local_disk else key.key_arn,
        )
        self.endpoint = sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=self.endpoint_name,
            endpoint_config_name=config.attr_endpoint_config_name,
            # Without it every deploy would set the auto-scaled number of instances back to the first one.
            retain_all_variant_properties=True,
        )
        scaling = EndpointScaling(self, "Scaling", settings=settings, endpoint_name=self.endpoint_name)
        scaling.node.add_dependency(self.endpoint)
        CfnOutput(self, "EndpointName", value=self.endpoint_name)
