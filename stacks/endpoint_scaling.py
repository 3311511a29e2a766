"""The endpoint's auto-scaling: instances are added and removed to keep the load on each near the target."""

from aws_cdk import Aws
from aws_cdk import aws_applicationautoscaling as autoscaling
from constructs import Construct

from settings import Settings
from stacks import names


class EndpointScaling(Construct):
    """Target tracking on the requests in flight on each instance of the endpoint, which has to be there first."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings, endpoint_name: str) -> None:
        super().__init__(scope, id)
        service = "sagemaker.application-autoscaling.amazonaws.com"
        self.target = autoscaling.CfnScalableTarget(
            self,
            "Target",
            service_namespace="sagemaker",
            scalable_dimension="sagemaker:variant:DesiredInstanceCount",
            resource_id=f"endpoint/{endpoint_name}/variant/{names.VARIANT}",
            min_capacity=settings.endpoint_min_instances,
            max_capacity=settings.endpoint_max_instances,
            # The service-linked role, which AWS makes and alone can use; without one CloudFormation asks
            # for ours.
            role_arn=f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role/aws-service-role/{service}/"
            "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint",
        )
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
            "Policy",
            policy_name=f"{endpoint_name}-concurrency",
            policy_type="TargetTrackingScaling",
            scaling_target_id=self.target.ref,
            target_tracking_scaling_policy_configuration=tracking,
        )
