"""A log group that AWS would create without a retention, or that a function may not create itself."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

from settings import Settings


def log_group(scope: Construct, id: str, *, name: str, settings: Settings) -> logs.CfnLogGroup:
    """The group `name` with the retention of the settings. It is deleted with its stack."""
    group = logs.CfnLogGroup(scope, id, log_group_name=name, retention_in_days=settings.log_retention_days)
    group.apply_removal_policy(RemovalPolicy.DESTROY)
    return group
