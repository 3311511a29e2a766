"""The commands of README, docs and messages run as they are printed, in a copy of this checkout, on one local AWS.

Page after page, as docs/README.md lists them, in one shell for each; a command that several show runs where it comes
first. Removals come last.
"""

import json
import os
import pty
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

from local_aws.home import DEFAULT_REGION, Home
from local_aws.lifecycle import down, up
from tests.shown_commands import MAKEFILE, ROOT, ShownCommand, distinct, files, in_blocks, in_line, of_messages, pages
from tools.deploy.convert_weights import pack
from training.model import build
from training.onnx_files import export_backbone
from training.settings import Hyperparameters

from .aws_cli import unpack

pytestmark = [pytest.mark.e2e, pytest.mark.long]

# What is left out, and why. Patterns match the beginning of a command.
LEFT_OUT = {
    r"make (test|test-all|soak|lint)\b": "minutes: these tests themselves",
    r"make demo\b": "minutes; make bench ONLY=demo",
    r"make bench\b": "minutes",
    r"make (local && \. .local/aws.env && make )?prove\b": "minutes; test_prove.py",
    r"make notebook\b": "minutes; test_by_setting.py",
    r"make tune\b": "minutes: twenty trainings; tests/training/test_tune.py",
    r'make deploy .*"tuning_max_jobs': "minutes: twenty trainings; test_by_setting.py",
    r"make try\b": "a server that stays; tests/tools/page",
    r"make score .*(ARGS|s3://|folder)": "minutes: one more job each",
    r".*api_jwt_issuer": "an issuer of tokens of one's own",
    r"make load($|.*--p99|.*--rate|.*--concurrency)": "minutes; tests/tools/load",
    r"make capacity\b": "minutes; tests/tools/capacity",
    r"make local (TIME_FACTOR|ACCOUNT|DOUBT)": "another kind of local AWS than the one that runs; test_new_account.py",
    r"make (lock|iam-facts)\b": "a network",
    r'make weights ARCH=\w+( ARGS="--to DIR")?$|make weights$': "a network",
    r"make (release|hooks)\b|git push": "a repository of one's own; tests/test_release.py",
    r"docker |podman ": "Docker",
    r"aws logs put-retention-policy .*/(Notebook|Processing)": "a log group that the first such job makes",
    r"curl ": "a proxy of one's own",
    r".*https://upload\.example\.org": "a web server of one's own",
    r"aws (sso login|ce )": "an account",
    r"aws (s3 cp|s3 sync|logs tail)$|aws iam generate-service-last-accessed-details$|cdk ": "named, not to be run",
    r".*\$P-ec2-training|aws s3 cp s3://\$B/TrainedModels": "a failed training on EC2; test_by_setting.py",
    r"aws cloudformation (cancel-update-stack|continue-update-rollback)|make cdk .*rollback": "a stack that is stuck",
    r"aws freetier ": "an account on AWS's free plan",
    r"make cdk .*gc": "an unstable command of the CDK; it asks ECR for what the local AWS lacks",
    r"(\.venv/bin/)?python3? -m (?!torch)": "programs that other programs start",
}
# Exit code 1 is an answer where the output has this: a role is new beside the first commit.
ANSWERS = {"make iam-diff": "New role `slipway-dev-notebook-"}
PREPARATIONS = ("make local &&", "make split")  # the images that the others take
REMOVALS = ("make sleep", "make wake", "make destroy", "make down", "make clean")


def is_name(command: ShownCommand) -> bool:
    """True if a text names a make target that needs more to run."""
    found = re.fullmatch(r"make ([a-z-]+)", command.text)
    return bool(found and re.search(rf"^{found[1]}:.*\n\t.*\$\((error|UNPACK)", MAKEFILE, re.MULTILINE))


def plan() -> dict[str, list[str]]:
    """The commands to run, by page; each text once, where it comes first."""
    index = (ROOT / "docs" / "README.md").read_text().find
    read = sorted(pages(), key=lambda page: (page != "README.md", index(f"({page.removeprefix('docs/')})") % 10**6))
    shown = [command for page in read for command in (*in_blocks(page), *in_line(page))]
    shown += [ShownCommand("messages", command.text) for command in of_messages()]
    left_out = re.compile("|".join(LEFT_OUT))
    found: dict[str, list[str]] = {page: [] for page in ("preparations", *read, "messages", "removals")}
    for command in distinct(shown):
        if not (command.is_form or is_name(command) or left_out.match(command.text)):
            removes, prepares = (command.text.startswith(begin) for begin in (REMOVALS, PREPARATIONS))
            found["removals" if removes else "preparations" if prepares else command.file].append(command.text)
    found["removals"].sort(key=lambda text: (REMOVALS.index(" ".join(text.split()[:2])), "keep_data" in text))
    return {page: commands for page, commands in found.items() if commands}


PLAN = plan()


def test_what_is_left_out_is_still_shown() -> None:
    shown = [command.text for page in pages() for command in (*in_blocks(page), *in_line(page))]
    shown += [command.text for command in of_messages()]
    assert [pattern for pattern in LEFT_OUT if not any(re.match(pattern, text) for text in shown)] == []


def picture(place: int, number: int) -> Image.Image:
    """One of many pictures of a class, red or blue, so that anything can tell them."""
    colour = [20 + 3 * number, 40, 20 + 2 * number]
    colour[2 * place] += 180
    return Image.new("RGB", (40, 40), (colour[0], colour[1], colour[2]))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout with its tools and what the commands speak of: images, weights, a traffic curve."""
    copy = tmp_path_factory.mktemp("commands") / "slipway"
    for name in files():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy / name)
    mine = ("user.name=t", "user.email=t@localhost", "commit.gpgsign=false", f"core.hooksPath={os.devnull}")
    git = ["git", "-C", str(copy), *(part for value in mine for part in ("-c", value))]
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "copy"]):
        subprocess.run([*git, *command], check=True)
    for name in (".venv", "node_modules", "training/wheels"):
        (copy / name).symlink_to(ROOT / name)

    for place, label in enumerate(("cat", "dog")):
        (copy / "FLAT" / label).mkdir(parents=True)
        for number in range(8):
            picture(place, number).save(copy / "FLAT" / label / f"{number}.png")
        picture(place, 11).save(copy / f"{label}.jpg")
    network = build(Hyperparameters(architecture="resnet50"), 1000, None)
    torch.save(network.state_dict(), copy / "FILE.pth")
    export_backbone(copy / "FILE.onnx", build(Hyperparameters(architecture="resnet10"), 1000, None), "resnet10")
    (copy / "DIR").mkdir()
    pack(network, "resnet50", copy / "DIR")
    (copy / "traffic.csv").write_text("0,5\n5,5\n")
    only_here = {"StringNotEquals": {"aws:RequestedRegion": [DEFAULT_REGION, "us-east-1"]}}
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": only_here}
    (copy / "scp.json").write_text(json.dumps({"Version": "2012-10-17", "Statement": deny}))
    quick = {"architecture": "resnet10", "image_size": 32, "epochs": 8, "batch_size": 4, "export_int8": "never"}
    (copy / "stages").mkdir(exist_ok=True)
    for stage in ("dev", "prod"):
        (copy / "stages" / f"{stage}.json").write_text(json.dumps({"stage": stage, **quick}))
    return copy


@pytest.fixture(scope="module")
def environment(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A shell's variables, without an activated environment; the local AWS runs on a port of its own."""
    others = ("AWS_", "CDK_", "SLIPWAY_", "MAKE", "MFLAGS", "PYTHONPATH", "VIRTUAL_ENV")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    home = Home(checkout / ".local")
    run = up(home, tied=True)
    yield clean | {
        "PATH": f"{unpack(tmp_path_factory.mktemp('aws'))}{os.pathsep}{clean['PATH']}",
        "PORT": str(run.port),
        "MAKEFLAGS": " -- SETUP= PACKAGES=",  # it is set up
        "NODE_OPTIONS": f"--require={Path(__file__).with_name('poll_often.cjs')}",
    }
    down(home)


@pytest.mark.parametrize("page", PLAN)
def test_the_commands_of_a_page_run(page: str, checkout: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """On a terminal where every question is answered with yes."""
    script = ". .local/aws.env\n" + "".join(
        f'{{\n{command}\n}} >> "{tmp_path}/{number}.out" 2> "{tmp_path}/{number}.err"\n'
        f'echo "$? $SECONDS" > "{tmp_path}/{number}.code"\n'
        for number, command in enumerate(PLAN[page])
    )
    keyboard, terminal = pty.openpty()
    os.write(keyboard, b"yes\n" * 20)
    subprocess.run(["bash", "-c", script], cwd=checkout, env=environment, stdin=terminal, check=False)
    os.close(keyboard)
    os.close(terminal)
    failed, before = [], 0
    for number, command in enumerate(PLAN[page]):
        code, seconds = map(int, (tmp_path / f"{number}.code").read_text().split())
        out, err = ((tmp_path / f"{number}.{kind}").read_text(errors="replace") for kind in ("out", "err"))
        print(f"{seconds - before:3} s  {code}  {command}")
        before = seconds
        if code and not any(command.startswith(begin) and text in out for begin, text in ANSWERS.items()):
            failed.append(f"{command}\nexit code {code}\n{out[-1500:]}\n{err[-1500:]}")
        elif "--json" in command:
            json.loads(out)
        elif "aws lambda invoke" in command:
            assert '"statusCode": 200' in out  # /dev/stdout is written from its beginning, and the rest appended
    assert not failed, "\n\n".join(failed)
