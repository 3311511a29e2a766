"""Instances run their user data with limited memory and no network but local AWS; their disk survives a stop."""

import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws.ec2 import instances
from local_aws.home import Home
from local_aws.running import current, processes
from tests.local_aws.conftest import Client, wait_for_stack
from tests.local_aws.ec2.instance import IMAGE, console, launch, wait_for_state
from tests.waiting import until

pytestmark = pytest.mark.e2e


def test_an_instance_has_its_type_s_memory_and_processors_and_sees_nothing_of_the_machine(client: Client) -> None:
    instance = launch(
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
    output = console(client, instance, "cloud-init: done")
    with pytest.raises(ClientError, match=r"UnsupportedOperation.*support retrieving the latest console logs"):
        client("ec2").get_console_output(InstanceId=instance, Latest=True)  # "Instance console output", EC2 user guide
    client("ec2").terminate_instances(InstanceIds=[instance])

    for line in ("processors 1", "too much: 137", "elsewhere: 7", "Unauthorized", "no passwords", "read only"):
        assert line in output


def test_a_disk_outlives_a_stop_and_user_data_runs_at_the_first_boot_only(client: Client, home: Home) -> None:
    ec2, run = client("ec2"), current(home)
    assert run is not None
    before = set(processes(run))
    instance = launch(
        client,
        """
        echo "first boot" | tee /root/note
        mkdir -p /var/lib/cloud/scripts/per-boot
        printf '#!/bin/bash\\necho "again: $(cat /root/note)"\\n' > /var/lib/cloud/scripts/per-boot/x
        chmod +x /var/lib/cloud/scripts/per-boot/x
        """,
    )
    console(client, instance, "cloud-init: done")
    its_own = set(processes(run)) - before
    assert its_own
    ec2.stop_instances(InstanceIds=[instance])
    until(lambda: not its_own & set(processes(run)))

    ec2.start_instances(InstanceIds=[instance])

    assert "again: first boot" in (output := console(client, instance, "again: "))
    assert output.count("cloud-init: done") <= 2
    ec2.terminate_instances(InstanceIds=[instance])


def test_operations_are_done_in_the_order_in_which_they_were_asked_for(tmp_path: Path) -> None:
    """A start right after a stop would else find the machine running, and leave it stopped."""
    machine: Any = SimpleNamespace(operation=None, console=tmp_path / "console.log")
    begun, done = threading.Event(), []

    def stop(*_: object) -> None:
        begun.wait(0.5)  # time for the start to overtake it
        done.append("stop")

    def start(*_: object) -> None:
        begun.set()
        done.append("start")

    instances._in_background(stop, machine, {})
    instances._in_background(start, machine, {})
    until(lambda: len(done) == 2)
    assert done == ["stop", "start"]


def test_an_instance_type_without_a_machine_is_refused_by_name(client: Client) -> None:
    with pytest.raises(client("ec2").exceptions.ClientError, match=r"m5\.large.*t2\.micro"):
        launch(client, "true", "m5.large")


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
    wait_for_state(client, instance["StackResourceDetail"]["PhysicalResourceId"], "terminated")

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
