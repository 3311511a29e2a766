"""Auto-scaling of the function's provisioned concurrency, so that calls meet no cold start."""

from aws_cdk import Aws
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from aws.service_linked_roles import path_and_name
from settings import Settings


class FunctionScaling(Construct):
    """`target` with a target tracking `policy` on the share of an alias's provisioned concurrency that is in use.

    Source: "Managing provisioned concurrency with Application Auto Scaling", Lambda developer guide.
    """

    def __init__(self, scope: Construct, id: str, *, settings: Settings, alias: lambda_.Alias, name: str) -> None:
        super().__init__(scope, id)
        self.target = autoscaling.CfnScalableTarget(
            self,
            "Target",
            service_namespace="lambda",
            scalable_dimension="lambda:function:ProvisionedConcurrency",
            resource_id=f"function:{name}:{alias.alias_name}",
            min_capacity=settings.lambda_provisioned_concurrency,
            max_capacity=settings.lambda_max_provisioned_concurrency,
            # The service-linked role, as in endpoint_scaling.py.
            role_arn=f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role/{path_and_name('lambda')}",
        )
        self.target.node.add_dependency(alias)
        tracking = autoscaling.CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty(
            predefined_metric_specification=autoscaling.CfnScalingPolicy.PredefinedMetricSpecificationProperty(
                predefined_metric_type="LambdaProvisionedConcurrencyUtilization"
            ),
            target_value=settings.lambda_target_utilization,
        )
        self.policy = autoscaling.CfnScalingPolicy(
            self,
            "Policy",
            policy_name=f"{name}-provisioned-concurrency",
            policy_type="TargetTrackingScaling",
            scaling_target_id=self.target.ref,
            target_tracking_scaling_policy_configuration=tracking,
        )
