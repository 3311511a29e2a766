"""Rows about the removal, which is the last step."""

import boto3

from tools.deploy.inventory import pages
from tools.prove.row import Answer, row
from tools.prove.system import ProvedSystem


@row(question="Does `make destroy` leave nothing?", expected="no resource that has the stage's tags", step="destroy")
def destroy_leaves_nothing(system: ProvedSystem) -> Answer:
    """Ask each service, as `make destroy` does, and then Resource Groups for what has the tags `app` and `stage`."""
    left = list(system.facts["destroy"]["left"])
    values = {"app": system.settings.app, "stage": system.settings.stage}
    filters = [{"Key": key, "Values": [value]} for key, value in values.items()]
    tagged = [
        item["ResourceARN"]
        for item in pages("resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", TagFilters=filters)
    ]
    # KMS keeps a key that is to be deleted for a week; SageMaker keeps ended jobs for ever.
    kms = boto3.client("kms")
    going = [
        arn for arn in tagged
        if ":training-job/" in arn or ":hyper-parameter-tuning-job/" in arn
        or (":key/" in arn and kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"] == "PendingDeletion")
    ]  # fmt: skip
    still = [*left, *(arn for arn in tagged if arn not in going)]
    evidence = "\n".join([*still, *(f"{arn} (a job's record, or to be deleted)" for arn in going)])
    return Answer(f"{len(still)} resources left", not still, evidence or "both lists are empty")
