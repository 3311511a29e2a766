"""Remove a deployment: all that costs money, and all that would be left over.

    python -m tools.deploy.destroy [-c stage=prod]        asks first; --yes does not
    python -m tools.deploy.destroy -c keep_data=false     images, models and their key too

With keep_data the buckets and their key stay. What fails is told; the same command goes on from there. It asks each
service what is there, before and afterwards. CDK's own bootstrap stack, with the files that deploys uploaded, is the
account's and stays.
"""

import argparse
import sys
import time

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from aws.prices import price
from settings import SettingsError
from settings.names import stack_name
from tools.assembly import describe
from tools.cli import chosen_settings
from tools.deploy.inventory import Deployment, Found
from tools.deploy.removal import NotRemoved, Say, by_creation, delete_stacks, empty, remove, stop_jobs
from tools.preflight import NotReady, require_aws

KEPT = ("bucket", "key", "training log")  # with keep_data
# An endpoint before its configuration and that before its model; nothing scales what is going.
_ORDER = ("scaling target", "endpoint", "endpoint configuration", "model")


def destroy(of: Deployment, *, keep_data: bool, say: Say) -> list[Found]:
    """Remove the deployment; what stays.

    Raises:
        NotRemoved: something that should go is still there.
        ClientError: a service refused.
    """
    found = of.find()
    storage = stack_name(f"{of.app}-{of.stage}", "storage")
    if keep_data and Found("stack", storage) in found:
        _require_retained(storage)
    stop_jobs(found, say)
    stacks = [each.name for each in found if each.kind == "stack"]
    ordered = by_creation(stacks)
    delete_stacks([name for name in ordered if name != storage], say)
    if not keep_data:
        for bucket in [each.name for each in found if each.kind == "bucket"]:
            say(f"emptying bucket {bucket}")
            empty(bucket)
    delete_stacks([name for name in ordered if name == storage], say)
    rank = {kind: number for number, kind in enumerate(_ORDER)}
    # The bucket's accesses are logged in the other: that goes last, when nothing is written to it any more.
    over = sorted(_going(of.find(), keep_data), key=lambda e: (rank.get(e.kind, len(rank)), e.name.endswith("-logs")))
    for each in over:
        say(f"removing {each}")
        remove(each)
    left = of.find()
    if still := _going(left, keep_data):
        raise NotRemoved("\n".join(f"{each} is still there" for each in still) + "\ngive the same command again")
    return left


def _going(found: list[Found], keep_data: bool) -> list[Found]:
    return [each for each in found if not (keep_data and each.kind in KEPT)]


def _require_retained(stack: str) -> None:
    """Refuse to delete a stack that would take the data with it."""
    template = boto3.client("cloudformation").get_template(StackName=stack)["TemplateBody"]
    for id, resource in template["Resources"].items():
        if resource["Type"] in ("AWS::S3::Bucket", "AWS::KMS::Key") and resource.get("DeletionPolicy") != "Retain":
            raise NotRemoved(
                f"{stack} was deployed with keep_data=false, and would take {id} with it: "
                "deploy it with keep_data=true first, or destroy with keep_data=false"
            )


def stays(left: list[Found]) -> list[str]:
    """What stays and what it costs a month, a line each."""
    lines = []
    for each in left:
        if each.kind == "bucket":
            versions = list(boto3.resource("s3").Bucket(each.name).object_versions.all())
            size = sum(version.size or 0 for version in versions) / 2**30
            dollars = size * price("s3", "gb_month")
            lines.append(f"{each}: {len(versions)} objects, {size:.2f} GiB, {dollars:.2f} $ a month")
        elif each.kind == "key":
            lines.append(f"{each}: {price('kms', 'key_month'):.2f} $ a month; without it nothing in the bucket opens")
    if logs := sum(each.kind == "training log" for each in left):
        lines.append(f"{logs} logs of training jobs, in the account's own group: cents")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.deploy.destroy", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "-c", "--context", action="append", default=[], metavar="NAME=VALUE", help="a setting, over cdk.json's"
    )
    arguments = parser.parse_args()
    try:
        settings = chosen_settings(arguments)
        account, region = require_aws()
        of = Deployment(settings.app, settings.stage, account)
        found = of.find()
        print(f"{settings.prefix} in account {account}, region {region}:")
        for each in found:
            kept = settings.keep_data and each.kind in KEPT
            print(f"  {'stays  ' if kept else 'removed'}  {each}")
        if not _going(found, settings.keep_data):
            print("nothing to remove")
        elif not (arguments.yes or _agreed()):
            print("nothing was removed")
            return 1
        begin = time.monotonic()
        left = destroy(of, keep_data=settings.keep_data, say=print)
        print(f"removed in {time.monotonic() - begin:.0f} s")
        for line in stays(left):
            print(f"stays: {line}")
        print("stays: CDK's bootstrap stack (CDKToolkit) and the files in its bucket, which other apps may use: cents")
    except (NotReady, NotRemoved, SettingsError, BotoCoreError, ClientError) as error:
        for line in describe(error):
            print(f"error: {line}", file=sys.stderr)
        return 1
    return 0


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise NotRemoved("nobody to ask: give YES=1 (--yes) to remove it without")
    return input("Remove it? [yes/no] ").strip().lower() == "yes"


if __name__ == "__main__":
    sys.exit(main())
