"""Finishes a roll-back that CloudFormation cannot: the endpoint runs already what it would be rolled back to.

SageMaker takes a deployment back by itself when an alarm rings. AWS's documents leave open whether it then accepts an
update to the configuration that is live. Source: "Continue rolling back an update", CloudFormation user guide.
"""

import re
from collections.abc import Callable

import boto3

from tools import cdk
from tools.assembly import SynthesizedApp
from tools.deploy.narration import NOTE
from tools.stack import outputs, resources

_FAILED = re.compile(r"failed to update: \[(.*?)\]")


def finish_rollback(assembly: SynthesizedApp, *, say: Callable[[str], None]) -> None:
    """Leave the endpoint out of the serving stack's roll-back, if nothing else failed it and the old model is live.

    Raises:
        cdk.CdkFailed: with CloudFormation's reason.
    """
    stack = assembly.stack("serving")
    client = boto3.client("cloudformation")
    try:
        [described] = client.describe_stacks(StackName=stack)["Stacks"]
    except client.exceptions.ClientError:  # there is no such stack, or nobody may ask
        return
    failed = ",".join(_FAILED.findall(described.get("StackStatusReason", "")))
    if described["StackStatus"] != "UPDATE_ROLLBACK_FAILED" or failed not in _endpoints(assembly):
        return
    before = outputs(stack)
    live = boto3.client("sagemaker").describe_endpoint(EndpointName=before["EndpointName"])["EndpointConfigName"]
    if live != before["EndpointConfigName"]:
        return
    say(f"{NOTE}{before['EndpointName']} runs {live} again: CloudFormation's roll-back goes on without it")
    cdk.run("rollback", stack, "--orphan", failed, "--app", str(assembly.folder), "--progress", "events", on_line=say)


def _endpoints(assembly: SynthesizedApp) -> dict[str, dict[str, str]]:
    return resources(assembly.template("serving"), "AWS::SageMaker::Endpoint")
