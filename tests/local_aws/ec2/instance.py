"""Helpers that launch an instance on local AWS and read its console output."""

import time

from tests.local_aws.conftest import Client

IMAGE = "ami-0c2023a1b2c3d4e5f"


def console(client: Client, instance: str, until: str, seconds: float = 40) -> str:
    """Wait until the console output contains `until`; returns the output."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        output = str(client("ec2").get_console_output(InstanceId=instance).get("Output", ""))
        if until in output:
            return output
        time.sleep(0.1)
    raise TimeoutError(f"no {until!r} in the console output: {output}")


def wait_for_state(client: Client, instance: str, wanted: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while True:
        [reservation] = client("ec2").describe_instances(InstanceIds=[instance])["Reservations"]
        [found] = reservation["Instances"]
        if (state := found["State"]["Name"]) == wanted:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{instance} is {state}, not {wanted}")
        time.sleep(0.1)


def launch(client: Client, script: str, instance_type: str = "t2.micro", profile: str = "") -> str:
    optional = {"IamInstanceProfile": {"Name": profile}} if profile else {}
    [instance] = client("ec2").run_instances(
        ImageId=IMAGE, InstanceType=instance_type, MinCount=1, MaxCount=1, UserData=f"#!/bin/bash\n{script}\n",
        InstanceInitiatedShutdownBehavior="terminate", **optional,
    )["Instances"]  # fmt: skip
    return str(instance["InstanceId"])
