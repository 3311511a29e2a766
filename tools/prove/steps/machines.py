"""Steps with a machine of their own: the notebook instance, and the EC2 instance that trains."""

import threading
import time
from typing import Any

import boto3

from tools.cdk import CdkFailed
from tools.deploy.inventory import pages
from tools.prove.step import Facts
from tools.prove.system import ProvedSystem

NOTEBOOK = {"notebook": "true"}
# With the notebook's role: its stack uses it, and so it could not go.
EC2 = {**NOTEBOOK, "ec2_training": "true"}
EC2_FAILED = {**EC2, "dataset": "0" * 64}  # of which there are no images
_REBOOT_MINUTES = 12  # after the launch: packages are there, and it trains
_LOOK_SECONDS = 0.5


def notebook(system: ProvedSystem) -> Facts:
    """Raises CdkFailed if the instance does not start."""
    began = time.time()
    system.deploy("notebook", **NOTEBOOK)
    return {"began": began, "seconds": time.time() - began, "name": system.outputs("notebook")["NotebookName"]}


def ec2(system: ProvedSystem) -> Facts:
    """Raises CdkFailed if the training failed."""
    over, seen = threading.Event(), dict[str, Any]()
    thread = threading.Thread(target=_reboot, args=(system, over, seen), daemon=True)
    thread.start()
    epochs = "8" if system.local else "200"
    try:
        system.deploy("ec2-training", **EC2, **_zone(system), epochs=epochs)
    finally:
        over.set()
        thread.join(timeout=60)
    return {"rebooted": False, **seen, "trained": system.outputs("ec2-training")["Trained"]}


def _zone(system: ProvedSystem) -> dict[str, str]:
    """The setting that `make deploy` writes for a first deploy: a zone that has the instance type."""
    return {"ec2_zone_id": system.facts["preflight"]["zone"]}


def _reboot(system: ProvedSystem, over: threading.Event, seen: dict[str, Any]) -> None:
    """Reboot the instance in its training. An account's console output comes too late to tell when that is."""
    client, launched = boto3.client("ec2"), 0.0
    while not over.wait(_LOOK_SECONDS):
        instance = _running(system)
        if instance is None:
            continue
        launched = launched or time.time()
        seen["instance"] = instance
        seen["managed"] = _managed(instance) if not system.local else []
        output = client.get_console_output(InstanceId=instance).get("Output", "")
        begun = "epoch=1 " in output if system.local else time.time() - launched > 60 * _REBOOT_MINUTES
        if begun:
            client.reboot_instances(InstanceIds=[instance])
            seen["rebooted"] = True
            return


def _running(system: ProvedSystem) -> str | None:
    tags = {"app": system.settings.app, "stage": system.settings.stage}
    filters = [{"Name": f"tag:{name}", "Values": [value]} for name, value in tags.items()]
    for reservation in pages("ec2", "describe_instances", "Reservations", Filters=filters):
        for instance in reservation["Instances"]:
            if instance["State"]["Name"] == "running":
                return str(instance["InstanceId"])
    return None


def _managed(instance: str) -> list[str]:
    """States of the instance in Systems Manager, which Session Manager is a part of."""
    filters = [{"Key": "InstanceIds", "Values": [instance]}]
    found = boto3.client("ssm").describe_instance_information(Filters=filters)["InstanceInformationList"]
    return [str(each["PingStatus"]) for each in found]


def ec2_failed(system: ProvedSystem) -> Facts:
    """Train on images that are not there, with the alarm on that deployed."""
    began, failure = time.time(), ""
    zone = _zone(system)
    system.deploy("operations", **EC2, **zone)
    try:
        system.deploy("ec2-training", **EC2_FAILED, **zone)
    except CdkFailed as failed:
        failure = str(failed)
    return {"began": began, "failure": failure}
