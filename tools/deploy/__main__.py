"""Deploy every stack to the AWS that the environment names: an account, or the local AWS.

    make deploy DATA=FOLDER    bucket, images, training, endpoint, function
    make deploy                the same, with the images of the last deploy

The data set's digest and the settings given are written to stages/<stage>.json, to be committed: a plain deploy,
`cdk deploy --all` or `cdk diff` afterwards speaks of the same images and settings. NAME= takes a setting out of that
file, back to cdk.json's default.
"""

import sys

from settings import read_settings
from settings.names import bucket_name
from tools.assembly import synthesize
from tools.cli import add_data, add_yes, agreed, chosen_settings, command, make_parser, settings_of
from tools.dataset.check import checked
from tools.deploy.check import check
from tools.deploy.failure import one_reason
from tools.deploy.idle import require_idle
from tools.deploy.interrupted import saying_what_runs
from tools.deploy.inventory import Deployment
from tools.deploy.narration import Narration
from tools.deploy.obsolete import obsolete, removed
from tools.deploy.preflight.bootstrap import make_bootstrap
from tools.deploy.preflight.ec2 import find_zone
from tools.deploy.preflight.run import require_ready
from tools.deploy.preflight.scaling_roles import make_scaling_roles
from tools.deploy.preflight.target import Target
from tools.deploy.record import recorded
from tools.deploy.stacks import deploy_everything
from tools.deploy.summary import summary
from tools.deploy.uploaded import require_uploaded
from tools.preflight import require_aws
from tools.report.write import report_line
from training.folder import digest


@command
def main() -> int:
    parser = make_parser("deploy", __doc__)
    add_data(parser)
    add_yes(parser)
    parser.add_argument("--verbose", action="store_true", help="print all that the CDK and the training jobs print")
    arguments = parser.parse_args()
    given, settings = settings_of(arguments), chosen_settings(arguments)
    account, region = require_aws()
    images = checked(arguments.data, max_unreadable=settings.max_unreadable) if arguments.data else None
    if images:
        given["dataset"] = digest(images)
        settings = read_settings(given)
    print(f"to account {account}, region {region}")
    if zone := find_zone(settings):
        given["ec2_zone_id"] = zone
        settings = read_settings(given)
        print(f"the EC2 instance goes to zone {zone}, which has {settings.ec2_instance_type}")
    bucket = bucket_name(settings.prefix, account, region)
    require_uploaded(settings, bucket, images=images is None)
    assembly = synthesize(given)
    require_idle(assembly.stacks)
    target = Target(settings, account, region, lambda: assembly)
    require_ready(target, say=print)
    deployment = Deployment(settings.app, settings.stage, account)
    gone = obsolete(assembly, deployment)
    for stack in gone:
        files = ", with the files on its instance's disk" if stack.endswith("-notebook") else ""
        print(f"to be removed, as the settings no longer ask for it: stack {stack}{files}")
    if gone and not agreed("Remove it, and deploy?", yes=arguments.yes):
        print("nothing was changed")
        return 1
    on_line = print if arguments.verbose else Narration(print)
    with saying_what_runs(deployment, settings):
        make_scaling_roles(target, say=print)
        if make_bootstrap(target):
            print("made the CDK's bootstrap")
        with recorded(given, settings, say=print), removed(gone, say=print), one_reason(assembly, bucket):
            deploy_everything(assembly, images, layout=settings.image_layout, say=on_line)
        live = check(settings, assembly, say=print, brief=True)
        for line in summary(settings) if live else ():
            print(line)
        print(report_line(settings))
    return 0 if live else 1


if __name__ == "__main__":
    sys.exit(main())
