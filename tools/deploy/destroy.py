"""Remove a deployment: its stacks, and all resources that stacks leave behind.

    make destroy SETTINGS="stage=prod"         asks first; YES=1 does not
    make destroy SETTINGS="keep_data=false"    removes images, models and their key too

Each service is asked for its resources, before and afterwards. With keep_data the buckets and their key stay. After an
error, the same command continues. CDK's bootstrap stack, and the files that deploys uploaded to its bucket, belong to
the account and stay.
"""

import sys
import time

import boto3

from aws.prices import UnknownPrice, price
from settings.names import resource_name
from tools.cli import add_yes, agreed, chosen_settings, command, make_parser
from tools.deploy.interrupted import saying_what_runs
from tools.deploy.inventory import DeployedResource, Deployment
from tools.deploy.removal import NotRemoved, Say, by_creation, delete_stacks, empty, remove, stop_jobs
from tools.preflight import require_aws

KEPT = ("bucket", "key", "training log", "scoring log")  # with keep_data
_RETAINED = ("RetainExceptOnCreate", "Retain")  # of this version, and of earlier ones
# Scaling first, so that nothing scales an endpoint that is being deleted. The next two refer to the next, and composite
# alarms to others, which CloudWatch refuses to delete before them.
_ORDER = ("scaling target", "endpoint", "endpoint configuration", "model", "composite alarm")


def destroy(of: Deployment, *, keep_data: bool, say: Say) -> list[DeployedResource]:
    """Remove the deployment.

    Returns:
        What stays.

    Raises:
        NotRemoved: something that should go is still there.
        ClientError: a service refused.
    """
    found = of.find()
    stacks = [each.name for each in found if each.kind == "stack"]
    storage = [name for name in stacks if name == resource_name(f"{of.app}-{of.stage}", "storage")]
    if keep_data and storage:
        _require_retained(*storage)
    stop_jobs(found, say)
    delete_stacks(by_creation(name for name in stacks if name not in storage), say)
    if not keep_data:
        _empty_buckets(found, say)
    delete_stacks(storage, say)
    _remove_rest(_going(of.find(), keep_data), say)
    left = of.find()
    if still := _going(left, keep_data):
        raise NotRemoved([*(f"{each} is still there" for each in still), "run the same command again"])
    return left


def _empty_buckets(found: list[DeployedResource], say: Say) -> None:
    for bucket in [each.name for each in found if each.kind == "bucket"]:
        say(f"emptying bucket {bucket}")
        empty(bucket)


def _remove_rest(found: list[DeployedResource], say: Say) -> None:
    """Remove what the stacks left, what others need last.

    The bucket of access logs goes after the bucket whose accesses it logs, when nothing is written to it any more.
    """
    rank = {kind: number for number, kind in enumerate(_ORDER)}
    for each in sorted(found, key=lambda e: (rank.get(e.kind, len(rank)), e.name.endswith("-logs"))):
        say(f"removing {each}")
        remove(each)


def _going(found: list[DeployedResource], keep_data: bool) -> list[DeployedResource]:
    return [each for each in found if not (keep_data and each.kind in KEPT)]


def _require_retained(stack: str) -> None:
    """Raise `NotRemoved` if deleting the stack would delete the data."""
    template = boto3.client("cloudformation").get_template(StackName=stack)["TemplateBody"]
    for id, resource in template["Resources"].items():
        if resource["Type"] in ("AWS::S3::Bucket", "AWS::KMS::Key") and resource.get("DeletionPolicy") not in _RETAINED:
            raise NotRemoved(
                f"{stack} was deployed with keep_data=false, and deleting it deletes {id}: "
                "deploy with keep_data=true first, or destroy with keep_data=false"
            )


def stays(left: list[DeployedResource], region: str) -> list[str]:
    """Describe each resource that stays, with its cost a month where the region's prices are known."""
    lines = []
    for each in left:
        if each.kind == "bucket":
            count = size = 0
            for version in boto3.resource("s3").Bucket(each.name).object_versions.all():
                count, size = count + 1, size + (version.size or 0)
            cost = _monthly("s3", "gb_month", region, size / 2**30)
            lines.append(f"{each}: {count} objects, {size / 2**30:.2f} GiB, {cost}")
        elif each.kind == "key":
            lines.append(f"{each}: {_monthly('kms', 'key_month', region)}; it decrypts everything in the bucket")
    for kind in ("training", "scoring"):
        if logs := sum(each.kind == f"{kind} log" for each in left):
            lines.append(f"{logs} logs of {kind} jobs, in the account's own group: cents")
    return lines


def _monthly(service: str, name: str, region: str, units: float = 1) -> str:
    try:
        return f"{units * price(service, name, region):.2f} $ a month"
    except UnknownPrice:
        return "billed monthly"


@command
def main() -> int:
    parser = make_parser("destroy", __doc__)
    add_yes(parser)
    arguments = parser.parse_args()
    settings = chosen_settings(arguments)
    account, region = require_aws()
    of = Deployment(settings.app, settings.stage, account)
    found = of.find()
    print(f"{settings.prefix} in account {account}, region {region}:")
    for each in found:
        kept = settings.keep_data and each.kind in KEPT
        print(f"  {'stays' if kept else 'goes '}  {each}")
    if not _going(found, settings.keep_data):
        print("nothing to remove")
    elif not agreed("Remove it?", yes=arguments.yes):
        print("nothing was removed")
        return 1
    begin = time.monotonic()
    with saying_what_runs(of, settings):
        left = destroy(of, keep_data=settings.keep_data, say=print)
    print(f"removed in {time.monotonic() - begin:.0f} s")
    for line in stays(left, region):
        print(f"stays: {line}")
    print("stays: CDK's bootstrap stack (CDKToolkit), with files and images, which other apps may use: cents")
    return 0


if __name__ == "__main__":
    sys.exit(main())
