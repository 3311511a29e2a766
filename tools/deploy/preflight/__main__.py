"""Say whether a deploy could work. Nothing is changed.

    make preflight SETTINGS="stage=prod"

A line for each check: right, wrong with the command that mends it, or unknown, such as where you may not ask. Exit code
1 if something is wrong. `make deploy` does the same first.
"""

import sys
from dataclasses import asdict

from tools.assembly import synthesize
from tools.cli import add_json, chosen_settings, command, make_parser, print_json, settings_of
from tools.deploy.preflight.run import in_background, run
from tools.deploy.preflight.target import Target
from tools.preflight import require_aws


@command
def main() -> int:
    parser = make_parser("preflight", __doc__)
    add_json(parser, "a list of the findings: check, state (right, wrong or unknown) and text")
    arguments = parser.parse_args()
    settings = chosen_settings(arguments)
    account, region = require_aws()
    synthesized = in_background(synthesize, settings_of(arguments))
    findings = run(Target(settings, account, region, synthesized.result))
    if arguments.json:
        print_json([asdict(finding) for finding in findings])
    else:
        print(f"to account {account}, region {region}", *findings, sep="\n")
    return 1 if any(finding.state == "wrong" for finding in findings) else 0


if __name__ == "__main__":
    sys.exit(main())
