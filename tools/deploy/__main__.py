"""Deploy every stack to the AWS that the environment names: an account, or the local AWS.

    python -m tools.deploy --data FOLDER     bucket, images, training, endpoint, Lambda
    python -m tools.deploy                   the same with the data set that is there (setting `dataset`)

The data set's digest is kept in cdk.context.json, so a plain `cdk deploy --all` or `cdk diff` afterwards
speaks of the same images.
"""

import json
import sys

from tools import cdk
from tools.assembly import synthesize
from tools.cli import add_data, command, make_parser, max_unreadable, settings_of
from tools.dataset.check import checked
from tools.deploy.check import check
from tools.deploy.stacks import bootstrap, deploy_everything
from tools.preflight import require_aws, require_concurrency
from tools.stack import outputs
from training.folder import digest


@command
def main() -> int:
    parser = make_parser("deploy", __doc__)
    add_data(parser)
    arguments = parser.parse_args()
    settings = settings_of(arguments)
    account, region = require_aws()
    images = checked(arguments.data, max_unreadable=max_unreadable(settings)) if arguments.data else None
    if images:
        settings["dataset"] = digest(images)
    print(f"to account {account}, region {region}")
    assembly = synthesize(settings)
    require_concurrency(assembly.template("serving"))
    bootstrap(account, region)
    deploy_everything(assembly, images, say=print)
    if images:
        _remember(settings["dataset"])
    live = check(assembly.prefix.removesuffix("-"), say=print)
    for stack in assembly.stacks:
        for name, value in outputs(stack).items():
            print(f"{stack}.{name} = {value}")
    return 0 if live else 1


def _remember(dataset: str) -> None:
    """Keep the digest where the CDK keeps what it looked up."""
    file = cdk.ROOT / "cdk.context.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps({**known, "dataset": dataset}, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
