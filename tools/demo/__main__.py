"""Train, deploy and call a model on a local AWS of the demo's own.

The demo deploys every stack and trains on one instance, classifies test images through the function, then deploys again
with four training instances while a client keeps calling. It reports to the terminal and to out/demo.json. The images
are scikit-learn's handwritten digits, or yours.
"""

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console

from local_aws.home import Home, use
from local_aws.lifecycle import down, up
from settings import read_settings
from settings.names import bucket_name, job_prefix
from tools.assembly import SynthesizedApp, synthesize
from tools.classify_client import ClassifyClient, LabelledPrediction, SteadyClient
from tools.cli import add_data, chosen_settings, command, make_parser, settings_of
from tools.dataset.check import checked
from tools.dataset.digits import write as write_digits
from tools.demo import evidence
from tools.demo.jobs import jobs
from tools.demo.report import show, write_json
from tools.demo.settings import DIGITS
from tools.demo.steps import Steps
from tools.deploy.check import check
from tools.deploy.failure import one_reason
from tools.deploy.preflight.bootstrap import bootstrap
from tools.deploy.preflight.scaling_roles import make_scaling_roles
from tools.deploy.preflight.target import Target
from tools.deploy.stacks import deploy, deploy_everything
from tools.deployment import deployment
from tools.preflight import require_aws
from tools.report.write import report_line
from tools.stack import outputs
from training.folder import Folder, digest
from training.writing import require_writable

_OUT = Path("out")


@command
def main() -> int:
    parser = make_parser("demo", __doc__)
    add_data(parser)
    parser.add_argument("--keep", action="store_true", help="keep the local AWS running afterwards")
    parser.add_argument(
        "--doubt", action="append", default=[], metavar="NAME",
        help="have the local AWS give its other answer to a doubt (docs/doubts.md), or to all",
    )  # fmt: skip
    arguments = parser.parse_args()
    os.environ["SLIPWAY_STAGES"] = os.devnull  # the demo is no stage of yours
    chosen_settings(arguments)  # a mistake is told before anything else
    require_writable(_OUT)
    home = Home(Path(".local").resolve() / "demo")
    console = Console()
    try:
        return _run(arguments.data, settings_of(arguments), home, Steps(console), arguments.keep, arguments.doubt)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped; nothing of the demo runs in an account, or bills") from None
    finally:
        if arguments.keep and home.env_file.exists():
            console.print(f"The local AWS still runs: . {os.path.relpath(home.env_file)}")
            console.print("End it: make down")
        else:
            down(home)


def _run(
    data: Path | None, settings: dict[str, str], home: Home, steps: Steps, keep: bool, doubt: Sequence[str]
) -> int:
    with steps.step("Check the images"):
        if data is None:
            data = _OUT / "digits"
            if not data.exists():
                write_digits(data)
            settings = {**DIGITS, **settings}
        images = checked(data, max_unreadable=read_settings(settings).max_unreadable)
        settings["dataset"] = digest(images)
        chosen = read_settings(settings)
        steps.say(f"{len(images.files)} images of {len(images.classes)} classes in {data}")

    with steps.step("Start the local AWS, bootstrap it, synthesize the app"):
        down(home)
        run = up(home, tied=not keep, doubt=doubt)
        use(home)
        steps.say(f"local AWS at {run.endpoint}")
        account, region = require_aws()
        with ThreadPoolExecutor(2) as pool:
            prepared = pool.submit(bootstrap, account, region)
            one = synthesize({**settings, "training_instance_count": "1"})
            prepared.result()
        make_scaling_roles(Target(chosen, account, region, lambda: one), say=steps.say)

    with steps.step("Deploy every stack: train on 1 instance, serve"):
        bucket = bucket_name(one.prefix, account, region)
        with one_reason(one, bucket):
            deploy_everything(one, images, layout=chosen.image_layout, say=steps.say_briefly)
    serving = outputs(one.stack("serving"))
    function = serving["FunctionName"]

    with steps.step("Classify test images through the function"):
        predictions = _classify(_examples(images), ClassifyClient(function), serving["S3Images"], say=steps.say)

    four_settings = {**settings, "training_instance_count": "4"}
    deployed = read_settings(four_settings)
    with SteadyClient(function, images.splits["test"].files) as client:
        with steps.step("Change to 4 instances: synthesize"):
            four = synthesize(four_settings)
        with steps.step("Deploy again: train on 4 instances, update the endpoint"), one_reason(four, bucket):
            deploy(four, say=steps.say_briefly)

    with steps.step("Deploy once more, with no change"):
        deploy(four, say=steps.say_briefly)

    with steps.step("Check that the running endpoint matches the deploy"):
        live = check(deployed, four, say=steps.say)

    with steps.step("Compare the calls of all roles with the IAM contract"):
        done = evidence.gather("demo", four.folder, home.calls, region)
        findings = evidence.prove(four.folder, done, _OUT / "iam-trace.json")
        for line in (evidence.in_words(done), *map(str, findings)):
            steps.say(line)

    code = _report(steps, four, predictions, client)
    steps.console.print(report_line(deployed), highlight=False, soft_wrap=True)
    ways = f". {os.path.relpath(home.env_file)}, then make try{deployment(deployed)}"
    if not keep:
        ways = f"make demo KEEP=1, {ways}"
    steps.console.print(f"Try your own images on a page: {ways}", highlight=False, soft_wrap=True)
    return 1 if findings or not live else code


def _classify(
    images: list[Path], classify: ClassifyClient, folder: str, *, say: Callable[[str], None]
) -> list[LabelledPrediction]:
    """Classify the images, the first one from S3, and tell each prediction as it comes."""
    predictions: list[LabelledPrediction] = []
    for image in images:
        predictions.append(classify(image) if predictions else classify.from_s3(image, folder))
        say(str(predictions[-1]))
    return predictions


def _report(steps: Steps, assembly: SynthesizedApp, predictions: list[LabelledPrediction], client: SteadyClient) -> int:
    ran = jobs(job_prefix(assembly.prefix))
    write_json(_OUT / "demo.json", steps, ran, predictions, client)
    show(steps.console, steps, ran, predictions, client)
    steps.console.print(f"Written: {_OUT / 'demo.json'}")
    return 1 if client.errors else 0


def _examples(images: Folder) -> list[Path]:
    """The first test image of each of the first ten classes."""
    test = images.splits["test"]
    firsts = {label: path for path, label in zip(reversed(test.files), reversed(test.labels), strict=True)}
    return [firsts[label] for label in sorted(firsts)[:10]]


if __name__ == "__main__":
    sys.exit(main())
