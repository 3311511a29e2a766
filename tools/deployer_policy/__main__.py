"""Write the least that CloudFormation needs to deploy, update, roll back and remove this app, as IAM policies.

    make deployer-policy SETTINGS="notebook=true"        the policies in out/, and how to bootstrap with them
    make deployer-policy SCP=scp.json                    and the steps that a service control policy would stop

Each line of out/deployer-policy.txt says who asks for the action: the `schema` of the resource's type in
CloudFormation's registry, or `local AWS`, which asks when it makes, changes or removes the resource, and records the
call. Exit code 1 when the service control policy stops a step, or cannot be read.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import boto3

from iam.source import FUNCTION
from iam.template import load, read
from local_aws.iam.service_control import NoPolicy, ServiceControl, parse
from settings import read_settings
from tools.assembly import synthesize
from tools.cdk import ROOT
from tools.cli import add_json, command, make_parser, print_json, settings_of
from tools.deploy.preflight.bootstrap import bootstrap_options
from tools.deployer_policy.derive import resources
from tools.deployer_policy.needs import LOCAL, SCHEMA, DeployPlace, Need, together
from tools.deployer_policy.policies import Document, documents
from tools.deployer_policy.stopped import StoppedStep, stopped
from tools.preflight import require_aws
from training.errors import InputError
from training.flags import user_path

OUT = ROOT / "out"
_NAME = "deployer-policy"


@command
def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    given = bool(options.account)
    if given != bool(options.region):
        parser.error("--account and --region name the place together: give both, or neither to ask AWS")
    context = settings_of(options)
    settings, policy = read_settings(context), _service_control(options.scp)
    account, region = (options.account, options.region) if given else require_aws()
    place = DeployPlace(account, region, boto3.session.Session().get_partition_for_region(region))
    app = synthesize(context)
    templates = load(app.folder)
    found = resources(templates, place)
    needs = together(found)
    files = _write(documents(needs), needs)
    steps: list[StoppedStep] = []
    if policy:
        roles = [role for role in read(templates).roles if not role.name.startswith(FUNCTION)]
        deployer = f"arn:{place.partition}:iam::{account}:role/cdk-{app.bootstrap[0]}-cfn-exec-role-{account}-{region}"
        steps = stopped(policy, found, roles, place=place, deployer=deployer, tags=settings.every_tag)
    if options.json:
        lines = [{**asdict(need), "types": sorted(need.types), "asked_by": sorted(need.asked_by)} for need in needs]
        print_json(
            {"files": [str(file) for file in files], "needs": lines, "stopped": [asdict(each) for each in steps]}
        )
    else:
        _tell(settings.prefix, place, files, needs, bootstrap_options(app.bootstrap[0], ask=not given))
        if policy:
            _tell_stopped(options.scp, steps)
    return 1 if steps else 0


def _service_control(path: Path | None) -> ServiceControl | None:
    if path is None:
        return None
    try:
        return parse(path.read_text())
    except (NoPolicy, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} is no service control policy: {error}. Give one as AWS Organizations has it"
        ) from None


def _write(policies: list[Document], needs: list[Need]) -> list[Path]:
    """Write the policies and the reason of each line; files of an earlier run go."""
    OUT.mkdir(exist_ok=True)
    for old in OUT.glob(f"{_NAME}*"):
        old.unlink()
    reasons = (f"{need}  # {', '.join(sorted(need.asked_by))}: {', '.join(sorted(need.types))}\n" for need in needs)
    (OUT / f"{_NAME}.txt").write_text("".join(reasons))
    files = [OUT / f"{_NAME}-{number}.json" for number in range(1, len(policies) + 1)]
    for file, policy in zip(files, policies, strict=True):
        file.write_text(json.dumps(policy, indent=1) + "\n")
    return files


def _tell(prefix: str, place: DeployPlace, files: list[Path], needs: list[Need], options: str) -> None:
    by_schema = sum(SCHEMA in need.asked_by for need in needs)
    by_local = sum(LOCAL in need.asked_by for need in needs)
    print(
        f"{len(needs)} permissions in {len(files)} policies: the schemas ask for {by_schema}, local AWS for {by_local}."
    )
    print(f"Each with its reason: {OUT.relative_to(ROOT) / _NAME}.txt\n")
    print("Make the policies, then have the CDK's bootstrap give them, and nothing else, to CloudFormation:\n")
    names = [file.stem.replace(_NAME, f"{prefix}-deployer") for file in files]
    for file, name in zip(files, names, strict=True):
        print(f"aws iam create-policy --policy-name {name} --policy-document file://{file.relative_to(ROOT)}")
    arns = ",".join(f"arn:{place.partition}:iam::{place.account}:policy/{name}" for name in names)
    print(
        "\nThis bootstrap is for every app and stage that uses it: give it the policies of all of them, or make one of "
        "its own (`@aws-cdk/core:bootstrapQualifier` in cdk.json).\n"
    )
    target = f"aws://{place.account}/{place.region}"
    print(f'make cdk ARGS="bootstrap {target} {options} --cloudformation-execution-policies {arns}"')


def _tell_stopped(path: Path, steps: list[StoppedStep]) -> None:
    if not steps:
        print(f"\n{path} stops no step of a deploy.")
        return
    print(f"\n{path} stops {len(steps)} steps of a deploy:")
    for each in steps:
        print(f"  {each.step}")
        print("".join(f"    {reason}\n" for reason in each.reasons), end="")


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("deployer-policy", __doc__)
    parser.add_argument("--scp", type=user_path, metavar="FILE", help="a service control policy, as JSON")
    parser.add_argument("--account", help="with --region: the account, where no AWS is to be asked")
    parser.add_argument("--region", help="with --account: the region")
    add_json(parser, "files, the needs with who asks for each, and the steps that are stopped")
    return parser


if __name__ == "__main__":
    sys.exit(main())
