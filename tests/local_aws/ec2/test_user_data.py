"""ec2/user_data.sh on an instance: reports why it fails, does nothing twice, and continues after an interruption."""

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.local_aws.conftest import Client, make_role, wait_for_stack
from tests.local_aws.ec2.instance import IMAGE, console, launch, wait_for_state

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[3]
SCRIPT = (ROOT / "ec2" / "user_data.sh").read_text()

DIGEST = "0" * 64
KILLED = "import os; os.kill(os.getpid(), 9)"  # as the kernel does when memory runs out
IN_GERMAN = "import sys; print('\\N{LATIN SMALL LETTER A WITH DIAERESIS}' * 2000, flush=True); sys.exit(1)"
TRAINED = """
from pathlib import Path
for name, text in {"model/model.onnx": "", "output/data/metrics.json": '{"peak_memory_mb": 1}'}.items():
    (Path("out") / name).parent.mkdir(parents=True)
    (Path("out") / name).write_text(text)
"""
SMALL_DISK = "mkdir -p /var/lib/slipway; mount -t tmpfs -o size=3m tmpfs /var/lib/slipway"
ALL = {"Action": "s3:*", "Resource": "*"}


def _stand_in(path: str, line: str) -> str:
    return f"echo '{line}' > {path}; chmod +x {path}"


@pytest.mark.parametrize(
    ("may", "objects", "before", "reason"),
    [
        ("s3:Nothing", {}, "", "TrainedModels/train.log"),
        ("s3:PutObject", {}, "", "program.zip"),
        ("s3:*", {}, "", "there are no images of the digest 1111"),
        (
            "s3:*",
            {"manifest.json": 2, "train/1.png": 5 << 20},
            SMALL_DISK,
            "disk is full: take a larger ec2_volume_gib",
        ),
        ("s3:*", {"manifest.json": 2}, "", "killed, as the kernel does when memory is out: take a smaller image_size"),
    ],
    ids=["artifact bucket denied", "program denied", "images missing", "disk full", "killed"],
)
def test_what_fails_fails_the_stack_with_the_end_of_the_log(
    client: Client, bucket: str, may: str, objects: dict[str, int], before: str, reason: str, unique: str
) -> None:
    _profile(client, unique, {"Action": may, "Resource": "*"})
    client("s3").put_object(Bucket=bucket, Key="program.zip", Body=_program(KILLED))
    for key, size in objects.items():
        client("s3").put_object(Bucket=bucket, Key=f"{unique}/data/{'1' * 64}/{key}", Body=b"x" * size)

    reason_given = _failed_stack(client, unique, bucket, before)

    assert reason in reason_given
    assert "cost of this run" in reason_given


def test_a_log_in_any_language_is_a_reason_in_ascii(client: Client, bucket: str, unique: str) -> None:
    _profile(client, unique, ALL)
    client("s3").put_object(Bucket=bucket, Key="program.zip", Body=_program(IN_GERMAN))
    client("s3").put_object(Bucket=bucket, Key=f"{unique}/data/{'1' * 64}/manifest.json", Body=b"{}")

    reason = _failed_stack(client, unique, bucket, "")

    assert "training starts" in reason
    assert reason.isascii()


def test_a_later_instance_of_the_same_model_trains_nothing_and_leaves_its_log(
    client: Client, bucket: str, unique: str
) -> None:
    """Such as an instance of a newer machine image: its wait is over, and its signal is refused."""
    _profile(client, unique, ALL)
    for name, text in {"digest.txt": DIGEST, "train.log": "the log of the training"}.items():
        client("s3").put_object(Bucket=bucket, Key=f"{unique}/TrainedModels/{name}", Body=text.encode())

    instance = launch(client, _script(unique, bucket), profile=unique)

    wait_for_state(client, instance, "terminated")
    output = console(client, instance, "is of this digest already")
    assert "training starts" not in output
    assert "error: " not in output
    assert _kept(client, bucket, unique, "train.log") == "the log of the training"


def test_a_digest_never_stands_beside_another_model_s_files(client: Client, bucket: str, unique: str) -> None:
    no_archive = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*/model.tar.gz"}
    _profile(client, unique, ALL, no_archive)
    client("s3").put_object(Bucket=bucket, Key="program.zip", Body=_program(TRAINED))
    client("s3").put_object(Bucket=bucket, Key=f"{unique}/data/{'1' * 64}/manifest.json", Body=b"{}")
    client("s3").put_object(Bucket=bucket, Key=f"{unique}/TrainedModels/digest.txt", Body=b"of an older model")

    _failed_stack(client, unique, bucket, "")

    assert _kept(client, bucket, unique, "model.onnx") == ""
    assert _kept(client, bucket, unique, "digest.txt") == "unfinished"


@pytest.mark.long
def test_what_fails_while_the_system_stops_is_done_again_at_the_next_boot(
    client: Client, bucket: str, unique: str
) -> None:
    """At a shutdown the network ends before the script does, so that the program cannot be fetched."""
    _profile(client, unique, ALL)
    stopping = _stand_in("/usr/local/bin/systemctl", "echo stopping")

    instance = launch(client, _script(unique, bucket, f"{stopping}; sleep 2"), profile=unique)

    first = console(client, instance, "ended with 143")
    client("ec2").reboot_instances(InstanceIds=[instance])
    both = console(client, instance, "booted again: going on")
    client("ec2").terminate_instances(InstanceIds=[instance])
    assert "error: " not in first
    seconds = [int(number) for number in re.findall(r"\[ *(\d+) s\]", both)]
    assert seconds[0] >= 2, "not counted from the boot"
    assert seconds == sorted(seconds), "set back by the reboot"


@pytest.mark.long
def test_a_swap_file_is_whole_beside_other_swap_and_after_a_boot_that_was_cut(
    client: Client, bucket: str, unique: str
) -> None:
    _profile(client, unique, ALL)
    swapon = _stand_in(
        "/usr/local/sbin/swapon",
        '[ "$1" = --show=NAME ] && echo /dev/zram0 || echo "on: $* $(head -c 4096 "$1" | tail -c 10)"',
    )

    instance = launch(client, _script(unique, bucket, f"echo cut > /swapfile.new; {swapon}"), profile=unique)

    assert "on: /swapfile SWAPSPACE2" in console(client, instance, "on: ")
    wait_for_state(client, instance, "terminated")


def _profile(client: Client, name: str, *statements: dict[str, Any]) -> None:
    """Create an instance profile and its role, both with the same name."""
    make_role(client, name, "ec2.amazonaws.com", *statements)
    client("iam").create_instance_profile(InstanceProfileName=name)
    client("iam").add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)


def _failed_stack(client: Client, name: str, bucket: str, before: str) -> str:
    """Create a stack that its instance's signal makes fail; returns the reasons in its events."""
    client("cloudformation").create_stack(StackName=name, TemplateBody=_template(name, bucket, before))
    assert wait_for_stack(client, name) == "ROLLBACK_COMPLETE"
    events = client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    reasons = " ".join(event.get("ResourceStatusReason", "") for event in events)
    assert "received failed message" in reasons
    return reasons


def _kept(client: Client, bucket: str, folder: str, name: str) -> str:
    kept = client("s3").get_object(Bucket=bucket, Key=f"{folder}/TrainedModels/{name}")
    return str(kept["Body"].read().decode()).strip()


def _program(main: str) -> bytes:
    """Zip of the training program with its own lock file and another main module."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.write(ROOT / "training" / "lock.txt", "training/lock.txt")
        archive.writestr("training/__main__.py", main)
    return file.getvalue()


def _head(profile: str, bucket: str, before: str) -> str:
    """First lines of the user data: `before`, then the values; the bucket has the profile's name."""
    values = {
        "REGION": "us-east-1", "BUCKET": f"{bucket}/{profile}", "DIGEST": DIGEST, "PROGRAM": f"{bucket}/program.zip",
        "DATASET": "1" * 64, "WEIGHTS": "", "INSTANCE_TYPE": "t2.micro", "PRICE_PER_HOUR": "0.0116",
    }  # fmt: skip
    lines = [before, *(f"{key}='{value}'" for key, value in values.items()), "HYPERPARAMETERS=()", ""]
    return "\n".join(["#!/bin/bash", *lines])


def _script(profile: str, bucket: str, before: str = "") -> str:
    """User data without a stack that would receive its signal, and without its program."""
    head = _head(profile, bucket, before).replace("program.zip", "missing.zip")
    return f"{head}WAIT_URL='https://127.0.0.1:1/'\n{SCRIPT}"


def _template(profile: str, bucket: str, before: str) -> str:
    """Template of a stack that waits for the script."""
    parts = [_head(profile, bucket, before), "WAIT_URL='", {"Ref": "Handle"}, "'\n", SCRIPT]
    user_data = {"Fn::Base64": {"Fn::Join": ["", parts]}}
    instance = {
        "ImageId": IMAGE, "InstanceType": "t2.micro", "IamInstanceProfile": profile, "UserData": user_data,
        "InstanceInitiatedShutdownBehavior": "terminate",
    }  # fmt: skip
    wait = {"Handle": {"Ref": "Handle"}, "Timeout": "60", "Count": 1}
    resources = {
        "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
        "Instance": {"Type": "AWS::EC2::Instance", "Properties": instance},
        "Trained": {"Type": "AWS::CloudFormation::WaitCondition", "DependsOn": "Instance", "Properties": wait},
    }
    return json.dumps({"Resources": resources})
