"""Access to billing, which a budget may need: an account's IAM users have none until its root user gives it."""

import boto3
from botocore.exceptions import ClientError

from tools.deploy.preflight.target import Target, Unknown


def billing_access(target: Target) -> str:
    """Budgets answers, or none is to be made."""
    if not target.settings.monthly_budget_usd:
        return "no budget is set"
    try:
        boto3.client("budgets").describe_budgets(AccountId=target.account, MaxResults=1)
    except ClientError as error:
        # "IAM tutorial: Grant access to the billing console", IAM user guide.
        raise Unknown(
            f"you may not ask for budgets ({error.response['Error']['Code']}; budgets:ViewBudget). If the deploy may "
            'make none either, have the root user activate "IAM user and role access to Billing information", on the '
            "page Account, or deploy without: SETTINGS=monthly_budget_usd=0"
        ) from error
    return "budgets can be read"
