"""Instances boot their user data: limited memory, no way out but to the local AWS, and a reason when it fails."""

import json
import time
from pathlib import Path

import pytest

from local_aws.home import Home
from local_aws.lifecycle import current, processes
from tests.local_aws.conftest import Client, make_role, wait_for_stack

pytestmark = pytest.mark.e2e
SCRIPT = (Path(__file__).parents[2] / "ec2" / "user_data.sh").read_text()
IMAGE = "ami-0c2023a1b2c3d4e5f"


def _console(client: Client, instance: str, until: str, seconds: float = 40) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        output = str(client("ec2").get_console_output(InstanceId=instance).get("Output", ""))
        if until in output:
            return output
        time.sleep(0.1)
    raise TimeoutError(f"no {until!r} in the console output: {output}")


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
    before = len(processes(run))
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
    assert len(processes(run)) > before
    ec2.stop_instances(InstanceIds=[instance])
    deadline = time.monotonic() + 30
    while len(processes(run)) > before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(processes(run)) == before

    ec2.start_instances(InstanceIds=[instance])

    assert "again: first boot" in (output := _console(client, instance, "again: "))
    assert output.count("cloud-init: done") <= 2
    ec2.terminate_instances(InstanceIds=[instance])


def test_an_instance_type_without_a_machine_is_refused_by_name(client: Client) -> None:
    with pytest.raises(client("ec2").exceptions.ClientError, match=r"m5\.large.*t2\.micro"):
        _launch(client, "true", "m5.large")


@pytest.mark.parametrize(
    ("may", "reason"),
    [
        ([], "TrainedModels/train.log"),
        (["s3:PutObject"], "workshop/program.zip"),
    ],
    ids=["artifact bucket denied", "program missing"],
)
def test_what_fails_fails_the_stack_with_the_end_of_the_log(
    client: Client, bucket: str, may: list[str], reason: str, request: pytest.FixtureRequest
) -> None:
    name = f"train-{len(may)}"
    statements = [{"Action": may, "Resource": "*"}] if may else []
    make_role(client, name, "ec2.amazonaws.com", *statements)
    client("iam").create_instance_profile(InstanceProfileName=name)
    client("iam").add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    values = {
        "REGION": "us-east-1", "BUCKET": bucket, "DIGEST": "0" * 64, "PROGRAM": f"{bucket}/program.zip",
        "DATASET": "1" * 64, "WEIGHTS": "", "INSTANCE_TYPE": "t2.micro", "PRICE_PER_HOUR": "0.0116",
    }  # fmt: skip
    head = "\n".join(["#!/bin/bash", *(f"{key}='{value}'" for key, value in values.items()), "HYPERPARAMETERS=()", ""])
    user_data = {"Fn::Base64": {"Fn::Join": ["", [head, "WAIT_URL='", {"Ref": "Handle"}, "'\n", SCRIPT]]}}
    template = {
        "Resources": {
            "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
            "Instance": {
                "Type": "AWS::EC2::Instance",
                "Properties": {
                    "ImageId": IMAGE, "InstanceType": "t2.micro", "IamInstanceProfile": name, "UserData": user_data,
                    "InstanceInitiatedShutdownBehavior": "terminate",
                },
            },
            "Trained": {
                "Type": "AWS::CloudFormation::WaitCondition",
                "DependsOn": "Instance",
                "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "60", "Count": 1},
            },
        }
    }  # fmt: skip

    client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))

    assert wait_for_stack(client, name, 90) == "ROLLBACK_COMPLETE"
    events = client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    reasons = " ".join(event.get("ResourceStatusReason", "") for event in events)
    assert "received failed message" in reasons
    assert reason in reasons
    assert "cost of this run" in reasons
