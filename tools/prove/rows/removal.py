"""Rows about the removal, which is the last step."""

import boto3

from tools.deploy.inventory import pages
from tools.prove.row import Answer, row
from tools.prove.system import ProvedSystem

_ENDED = (":training-job/", ":hyper-parameter-tuning-job/", ":processing-job/", ":instance/")


@row(question="Does `make destroy` leave nothing?", expected="no resource that has the stage's tags", step="destroy")
def destroy_leaves_nothing(system: ProvedSystem) -> Answer:
    """Ask each service, as `make destroy` does, and then Resource Groups for what has the tags `app` and `stage`."""
    left = list(system.facts["destroy"]["left"])
    filters = [{"Key": tag["Key"], "Values": [tag["Value"]]} for tag in system.tags]
    tagged = [
        item["ResourceARN"]
        for item in pages("resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", TagFilters=filters)
    ]
    # KMS keeps a key that is to be deleted for a week; SageMaker keeps ended jobs, EC2 instances for an hour.
    kms = boto3.client("kms")
    ending = [
        arn for arn in tagged
        if any(kind in arn for kind in _ENDED)
        or (":key/" in arn and kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"] == "PendingDeletion")
    ]  # fmt: skip
    still = [*left, *(arn for arn in tagged if arn not in ending)]
    evidence = "\n".join([*still, *(f"{arn} (has ended, or is to be deleted)" for arn in ending)])
    return Answer(f"{len(still)} resources left", not still, evidence or "none is listed")
