"""The endpoint: model, configuration, endpoint, and its auto-scaling.

Model and configuration cannot be changed, so they have no name and are replaced; the endpoint is updated in
place.
"""

from aws_cdk import Aws, CfnOutput, Stack
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from settings import Settings
from stacks import names
from stacks.containers import serving_container


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
        self._scale(settings)
        CfnOutput(self, "EndpointName", value=self.endpoint_name)

    def _scale(self, settings: Settings) -> None:
        """Add and remove instances to keep the requests in flight on each near the target."""
        service = "sagemaker.application-autoscaling.amazonaws.com"
        target = autoscaling.CfnScalableTarget(
            self,
            "Scaling",
            service_namespace="sagemaker",
            scalable_dimension="sagemaker:variant:DesiredInstanceCount",
            resource_id=f"endpoint/{self.endpoint_name}/variant/{names.VARIANT}",
            min_capacity=settings.endpoint_min_instances,
            max_capacity=settings.endpoint_max_instances,
            # The service-linked role, which AWS makes and alone can use; without one CloudFormation asks
            # for ours.
            role_arn=f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role/aws-service-role/{service}/"
            "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint",
        )
        target.add_resource_dependency(self.endpoint)
        tracking = autoscaling.CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty(
            # Published every 10 s, so a burst is seen before its requests time out.
            predefined_metric_specification=autoscaling.CfnScalingPolicy.PredefinedMetricSpecificationProperty(
                predefined_metric_type="SageMakerVariantConcurrentRequestsPerModelHighResolution"
            ),
            target_value=settings.endpoint_target_concurrency,
            scale_in_cooldown=settings.endpoint_scale_in_seconds,
            scale_out_cooldown=settings.endpoint_scale_out_seconds,
        )
        autoscaling.CfnScalingPolicy(
            self,
            "ScalingPolicy",
            policy_name=f"{self.endpoint_name}-concurrency",
            policy_type="TargetTrackingScaling",
            scaling_target_id=target.ref,
            target_tracking_scaling_policy_configuration=tracking,
        )
