"""Auto-scaling of the endpoint: keep the load of each instance near the target."""

from aws_cdk import Aws
from aws_cdk import aws_applicationautoscaling as autoscaling
from constructs import Construct

from aws.service_linked_roles import path_and_name
from settings import Settings, names
from settings.schedule import Limits


class EndpointScaling(Construct):
    """`target` with scheduled limits, and a target tracking `policy` on the load of each instance.

    The endpoint must exist first.

    The load is the number of concurrent requests, published every 10 s, so that scaling sees a burst before its
    requests time out; or the number of invocations a minute.
    """

    def __init__(self, scope: Construct, id: str, *, settings: Settings, endpoint_name: str) -> None:
        super().__init__(scope, id)
        self.target = autoscaling.CfnScalableTarget(
            self,
            "Target",
            service_namespace="sagemaker",
            scalable_dimension="sagemaker:variant:DesiredInstanceCount",
            resource_id=f"endpoint/{endpoint_name}/variant/{names.VARIANT}",
            min_capacity=settings.endpoint_min_instances,
            max_capacity=settings.endpoint_max_instances,
            # Without the service-linked role, CloudFormation requires a role of ours.
            role_arn=f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role/{path_and_name('sagemaker')}",
            scheduled_actions=[
                _scheduled(number, limits, settings.endpoint_schedule_timezone)
                for number, limits in enumerate(settings.scheduled_limits, start=1)
            ]
            or None,
        )
        metric, target_value = {
            "concurrency": (
                "SageMakerVariantConcurrentRequestsPerModelHighResolution",
                settings.endpoint_target_concurrency,
            ),
            "invocations": ("SageMakerVariantInvocationsPerInstance", settings.endpoint_target_invocations),
        }[settings.endpoint_scaling_metric]
        tracking = autoscaling.CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty(
            predefined_metric_specification=autoscaling.CfnScalingPolicy.PredefinedMetricSpecificationProperty(
                predefined_metric_type=metric
            ),
            target_value=target_value,
            scale_in_cooldown=settings.endpoint_scale_in_seconds,
            scale_out_cooldown=settings.endpoint_scale_out_seconds,
        )
        self.policy = autoscaling.CfnScalingPolicy(
            self,
            "Policy",
            policy_name=f"{endpoint_name}-{settings.endpoint_scaling_metric}",
            policy_type="TargetTrackingScaling",
            scaling_target_id=self.target.ref,
            target_tracking_scaling_policy_configuration=tracking,
        )


def _scheduled(number: int, limits: Limits, timezone: str) -> autoscaling.CfnScalableTarget.ScheduledActionProperty:
    return autoscaling.CfnScalableTarget.ScheduledActionProperty(
        scheduled_action_name=f"limits-{number}",
        schedule=limits.schedule,
        timezone=timezone,
        scalable_target_action=autoscaling.CfnScalableTarget.ScalableTargetActionProperty(
            min_capacity=limits.minimum, max_capacity=limits.maximum
        ),
    )
