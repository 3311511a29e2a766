"""The region: what its CloudFormation has of the app's resource types."""

from aws.resource_types import BUDGET, ENDPOINT, lacks
from tools.deploy.preflight.target import Target, Unknown


def resource_types(target: Target) -> str:
    """CloudFormation has SageMaker's resource types there, by aws/resource_types.py."""
    if lacks(target.region, ENDPOINT):
        raise Unknown(
            f"CloudFormation had no {ENDPOINT} in {target.region} when aws/resource_types.py was written, and a deploy "
            "would end there: aws cloudformation list-types --visibility PUBLIC --filters "
            f"Category=AWS_TYPES,TypeNamePrefix={ENDPOINT} says if it has one now; else choose another AWS_REGION"
        )
    if target.settings.monthly_budget_usd and lacks(target.region, BUDGET):
        return (
            f"{target.region}, whose CloudFormation has no budgets: none is made. One stage elsewhere has one for the "
            "whole account"
        )
    return f"{target.region} has all resource types"
