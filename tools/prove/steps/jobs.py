"""Steps that train and deploy no model."""

import threading
import time
from contextlib import suppress

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from aws.containers import TOOLKIT_CALLS
from settings.names import notebook_prefix
from tools.cdk import CdkFailed
from tools.deploy.inventory import RUNNING
from tools.prove.step import Facts
from tools.prove.steps.updates import ONE
from tools.prove.system import ProvedSystem

SPOT = {**ONE, "spot": "true", "seed": "4"}
GPUS = {**ONE, "training_instance_type": "ml.g4dn.12xlarge", "seed": "5"}
_OF_A_JOB = (
    "RoleArn", "AlgorithmSpecification", "Environment", "HyperParameters", "InputDataConfig", "OutputDataConfig",
    "ResourceConfig", "StoppingCondition", "EnableNetworkIsolation", "EnableInterContainerTrafficEncryption",
)  # fmt: skip


def spot(system: ProvedSystem) -> Facts:
    """Stop the job after its first epoch, and deploy the same once more.

    Raises:
        CdkFailed: the second deploy failed.
    """
    before, began = system.job_names(), time.time()
    epochs = "8" if system.local else "100"  # enough that it still trains when the log has told of the first epoch
    over = threading.Event()
    stopper = threading.Thread(target=_stop_after_an_epoch, args=(system, before, over), daemon=True)
    stopper.start()
    failure = ""
    try:
        system.deploy("trained-model", **SPOT, epochs=epochs)
    except CdkFailed as failed:
        failure = str(failed)
    finally:
        over.set()
        stopper.join(timeout=60)
    if failure:
        system.deploy("trained-model", **SPOT, epochs=epochs)
    return {
        "began": began,
        "failure": failure,
        "jobs": system.job_names(besides=before),
    }


def _stop_after_an_epoch(system: ProvedSystem, before: list[str], over: threading.Event) -> None:
    while not over.wait(0.5):
        with suppress(BotoCoreError, ClientError):  # throttled: the next look asks again
            for job in system.job_names(besides=before):
                if any("epoch=1 " in line for line in system.job_log(job)):
                    boto3.client("sagemaker").stop_training_job(TrainingJobName=job)
                    return


def toolkit(system: ProvedSystem) -> Facts:
    """Run the first job again without a command, so that the image's own entry point finds the program."""
    client = boto3.client("sagemaker")
    described = system.job(system.facts["base"]["jobs"][0])
    request = {name: described[name] for name in _OF_A_JOB if name in described}
    request["AlgorithmSpecification"].pop("ContainerEntrypoint")
    request["Environment"] |= TOOLKIT_CALLS
    request["HyperParameters"] |= {"epochs": "1"}
    name = f"{notebook_prefix(system.prefix)}{int(time.time()):x}"
    client.create_training_job(TrainingJobName=name, **request, Tags=system.tags)
    system.until(lambda: system.job(name)["TrainingJobStatus"] not in RUNNING, minutes=20, local_seconds=120)
    return {"job": name}


def gpus(system: ProvedSystem) -> Facts:
    """Raises CdkFailed if the training failed."""
    before = system.job_names()
    system.deploy("trained-model", **GPUS)
    return {"jobs": system.job_names(besides=before)}
