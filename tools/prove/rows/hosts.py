"""Rows about the EC2 instance that trains."""

import boto3

from settings.names import EC2_ARTIFACT_FILES, EC2_ARTIFACTS, EC2_LOG
from tools.deploy.inventory import pages
from tools.prove.row import Answer, row
from tools.prove.system import ProvedSystem


def _log(system: ProvedSystem) -> list[str]:
    """Lines of the log that the instance left in the bucket."""
    body = boto3.client("s3").get_object(Bucket=system.bucket, Key=f"{EC2_ARTIFACTS}/{EC2_LOG}")["Body"].read()
    return str(body.decode()).splitlines()


@row(
    question="Does the EC2 instance train on Amazon Linux 2023: `dnf` has python3.12, `aws` and `curl` are there, the "
    "packages fit the disk, the swap is on?",
    expected='the output `Trained` with the cost; `TrainedModels/` has five files; "peak swap … MB" without "no swap"',
    step="ec2",
)
def instance_trains(system: ProvedSystem) -> Answer:
    """Deploy with `ec2_training=true`; list what it left, and read its log."""
    found = pages("s3", "list_objects_v2", "Contents", Bucket=system.bucket, Prefix=f"{EC2_ARTIFACTS}/")
    files = sorted(item["Key"].rpartition("/")[2] for item in found)
    lines = [line for line in _log(system) if "swap" in line or "cost of this run" in line]
    trained = system.facts["ec2"]["trained"]
    good = files == sorted(EC2_ARTIFACT_FILES) and "cost of this run" in trained
    swapless = not system.local and any("no swap" in line for line in lines)
    return Answer(f"{len(files)} files", good and not swapless, "\n".join([trained, ", ".join(files), *lines]))


@row(
    question="Does cloud-init run the script again after a reboot, and does the training resume?",
    expected='the log says "booted again: going on" and "going on after"',
    step="ec2",
)
def instance_goes_on_after_a_reboot(system: ProvedSystem) -> Answer:
    """Reboot the instance while it trains, and read its log."""
    if not system.facts["ec2"]["rebooted"]:
        return Answer("it had trained before it could be rebooted", None, str(system.facts["ec2"]))
    lines = [line for line in _log(system) if "booted again" in line or "going on after" in line]
    good = any("booted again" in line for line in lines) and any("going on after" in line for line in lines)
    return Answer("both" if good else "not both lines", good, "\n".join(lines))


@row(
    question="Do the wheels of torch and torchvision match `training/lock.txt`?",
    expected='no "THESE PACKAGES DO NOT MATCH THE HASHES"',
    step="ec2",
)
def wheels_match_the_lock(system: ProvedSystem) -> Answer:
    """Read the instance's log: pip installs by hash, and the training starts after it alone."""
    lines = _log(system)
    wrong = [line for line in lines if "DO NOT MATCH THE HASHES" in line]
    begun = [line for line in lines if "training starts" in line]
    return Answer(
        "they do" if begun and not wrong else "see the log", bool(begun) and not wrong, "\n".join(wrong + begun)
    )


@row(
    question="Are the role's permissions enough for Session Manager?",
    expected="the instance is Online in Systems Manager",
    step="ec2",
    why="account only",
)
def session_manager_reaches_it(system: ProvedSystem) -> Answer:
    """Ask Systems Manager for the instance while it trains."""
    states = system.facts["ec2"].get("managed", [])
    shown = f"{system.facts['ec2'].get('instance')}: {states}"
    return Answer(", ".join(states) or "not known there", "Online" in states, shown)
