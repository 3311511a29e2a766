"""Instances boot their user data: limited memory, no way out but to the local AWS, and a reason when it fails."""

import io
import json
import time
import zipfile
from pathlib import Path
from uuid import uuid4

import pytest

from local_aws.home import Home
from local_aws.lifecycle import current, processes
from tests.local_aws.conftest import Client, make_role, wait_for_stack

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[3]
SCRIPT = (ROOT / "ec2" / "user_data.sh").read_text()
IMAGE = "ami-0c2023a1b2c3d4e5f"


def _console(client: Client, instance: str, until: str, seconds: float = 40) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        output = str(client("ec2").get_console_output(InstanceId=instance).get("Output", ""))
        if until in output:
            return output
        time.sleep(0.1)
    raise TimeoutError(f"no {until!r} in the console output: {output}")


def _state(client: Client, instance: str, wanted: str, seconds: float = 30) -> None:
    """Returns when the instance is in the wanted state."""
    deadline = time.monotonic() + seconds
    while True:
        [reservation] = client("ec2").describe_instances(InstanceIds=[instance])["Reservations"]
        [found] = reservation["Instances"]
        if (state := found["State"]["Name"]) == wanted:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{instance} is {state}, not {wanted}")
        time.sleep(0.1)


def _launch(client: Client, script: str, instance_type: str = "t2.micro") -> str:
    [instance] = client("ec2").run_instances(
        ImageId=IMAGE, InstanceType=instance_type, MinCount=1, MaxCount=1, UserData=f"#!/bin/bash\n{script}\n"
    )["Instances"]
    return str(instance["InstanceId"])


def test_an_instance_has_its_type_s_memory_and_processors_and_sees_nothing_of_the_machine(client: Client) -> None:
    instance = _launch(
        client,
        """
        echo "processors $(nproc)"
        dnf install python3.12 && python3.12 -m venv /tmp/v
        /tmp/v/bin/python -c 'x = b"x" * (1400 << 20)'; echo "too much: $?"
        curl --silent --max-time 5 https://192.0.2.1; echo "elsewhere: $?"
        curl --silent http://169.254.169.254/latest/meta-data/instance-id; echo
        cat /etc/shadow 2> /dev/null || echo "no passwords"
        touch /usr/mine 2> /dev/null || echo "read only"
        """,
    )
    output = _console(client, instance, "cloud-init: done")
    client("ec2").terminate_instances(InstanceIds=[instance])

    for line in ("processors 1", "too much: 137", "elsewhere: 7", "Unauthorized", "no passwords", "read only"):
        assert line in output


def test_a_disk_outlives_a_stop_and_user_data_runs_at_the_first_boot_only(client: Client, home: Home) -> None:
    ec2, run = client("ec2"), current(home)
    assert run is not None
    before = set(processes(run))
    instance = _launch(
        client,
        """
        echo "first boot" | tee /root/note
        mkdir -p /var/lib/cloud/scripts/per-boot
        printf '#!/bin/bash\\necho "again: $(cat /root/note)"\\n' > /var/lib/cloud/scripts/per-boot/x
        chmod +x /var/lib/cloud/scripts/per-boot/x
        """,
    )
    _console(client, instance, "cloud-init: done")
    its_own = set(processes(run)) - before
    assert its_own
    ec2.stop_instances(InstanceIds=[instance])
    deadline = time.monotonic() + 30
    while its_own & set(processes(run)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not its_own & set(processes(run))

    ec2.start_instances(InstanceIds=[instance])

    assert "again: first boot" in (output := _console(client, instance, "again: "))
    assert output.count("cloud-init: done") <= 2
    ec2.terminate_instances(InstanceIds=[instance])


def test_an_instance_type_without_a_machine_is_refused_by_name(client: Client) -> None:
    with pytest.raises(client("ec2").exceptions.ClientError, match=r"m5\.large.*t2\.micro"):
        _launch(client, "true", "m5.large")


KILLED = "import os; os.kill(os.getpid(), 9)"  # as the kernel does when memory is out
SMALL_DISK = "mkdir -p /var/lib/slipway; mount -t tmpfs -o size=3m tmpfs /var/lib/slipway"


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
    make_role(client, unique, "ec2.amazonaws.com", {"Action": may, "Resource": "*"})
    client("iam").create_instance_profile(InstanceProfileName=unique)
    client("iam").add_role_to_instance_profile(InstanceProfileName=unique, RoleName=unique)
    client("s3").put_object(Bucket=bucket, Key="program.zip", Body=_program(KILLED))
    for key, size in objects.items():
        client("s3").put_object(Bucket=bucket, Key=f"{unique}/data/{'1' * 64}/{key}", Body=b"x" * size)

    client("cloudformation").create_stack(StackName=unique, TemplateBody=_template(unique, bucket, before))

    assert wait_for_stack(client, unique, 90) == "ROLLBACK_COMPLETE"
    events = client("cloudformation").describe_stack_events(StackName=unique)["StackEvents"]
    reasons = " ".join(event.get("ResourceStatusReason", "") for event in events)
    assert "received failed message" in reasons
    assert reason in reasons
    assert "cost of this run" in reasons


def test_a_stack_whose_instance_has_ended_cannot_change_it_but_can_replace_it(client: Client, unique: str) -> None:
    def template(name: str, type_: str) -> str:
        user_data = {"Fn::Base64": "#!/bin/bash\nshutdown -h now\n"}
        properties = {
            "ImageId": IMAGE, "InstanceType": type_, "UserData": user_data,
            "InstanceInitiatedShutdownBehavior": "terminate",
        }  # fmt: skip
        return json.dumps({"Resources": {name: {"Type": "AWS::EC2::Instance", "Properties": properties}}})

    cloudformation = client("cloudformation")
    cloudformation.create_stack(StackName=unique, TemplateBody=template("One", "t2.micro"))
    assert wait_for_stack(client, unique) == "CREATE_COMPLETE"
    instance = cloudformation.describe_stack_resource(StackName=unique, LogicalResourceId="One")
    _state(client, instance["StackResourceDetail"]["PhysicalResourceId"], "terminated")

    cloudformation.update_stack(StackName=unique, TemplateBody=template("One", "t3.micro"))
    assert wait_for_stack(client, unique) == "UPDATE_ROLLBACK_COMPLETE"
    events = cloudformation.describe_stack_events(StackName=unique)["StackEvents"]
    [reason] = [
        e["ResourceStatusReason"]
        for e in events
        if (e["LogicalResourceId"], e["ResourceStatus"]) == ("One", "UPDATE_FAILED")
    ]
    assert "is terminated" in reason

    cloudformation.update_stack(StackName=unique, TemplateBody=template("Two", "t3.micro"))
    assert wait_for_stack(client, unique) == "UPDATE_COMPLETE"


@pytest.fixture
def unique() -> str:
    return f"train-{uuid4().hex[:8]}"


def _program(main: str) -> bytes:
    """The training program's zip, with its own lock and another main module."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.write(ROOT / "training" / "lock.txt", "training/lock.txt")
        archive.writestr("training/__main__.py", main)
    return file.getvalue()


def _template(profile: str, bucket: str, before: str) -> str:
    """The script of the stack, `before` it, in a folder of the bucket that has the profile's name."""
    values = {
        "REGION": "us-east-1", "BUCKET": f"{bucket}/{profile}", "DIGEST": "0" * 64, "PROGRAM": f"{bucket}/program.zip",
        "DATASET": "1" * 64, "WEIGHTS": "", "INSTANCE_TYPE": "t2.micro", "PRICE_PER_HOUR": "0.0116",
    }  # fmt: skip
    head = [before, *(f"{key}='{value}'" for key, value in values.items()), "HYPERPARAMETERS=()", ""]
    text = "\n".join(["#!/bin/bash", *head])
    user_data = {"Fn::Base64": {"Fn::Join": ["", [text, "WAIT_URL='", {"Ref": "Handle"}, "'\n", SCRIPT]]}}
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
