"""Helpers that launch an instance on local AWS and read its console output."""

from tests.local_aws.conftest import Client
from tests.waiting import until

IMAGE = "ami-0c2023a1b2c3d4e5f"


def console(client: Client, instance: str, text: str) -> str:
    """Wait until the console output contains `text`; returns the output."""

    def output() -> str:
        return str(client("ec2").get_console_output(InstanceId=instance).get("Output", ""))

    until(lambda: text in output(), told=lambda: f"no {text!r} in the console output: {output()}")
    return output()


def wait_for_state(client: Client, instance: str, wanted: str) -> None:
    """Wait until the instance is in the state `wanted`."""

    def state() -> str:
        [reservation] = client("ec2").describe_instances(InstanceIds=[instance])["Reservations"]
        return str(reservation["Instances"][0]["State"]["Name"])

    until(lambda: state() == wanted, told=lambda: f"{instance} is {state()}, not {wanted}")


def launch(client: Client, script: str, instance_type: str = "t2.micro", profile: str = "") -> str:
    optional = {"IamInstanceProfile": {"Name": profile}} if profile else {}
    [instance] = client("ec2").run_instances(
        ImageId=IMAGE, InstanceType=instance_type, MinCount=1, MaxCount=1, UserData=f"#!/bin/bash\n{script}\n",
        InstanceInitiatedShutdownBehavior="terminate", **optional,
    )["Instances"]  # fmt: skip
    return str(instance["InstanceId"])
