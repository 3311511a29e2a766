"""Steps that update the endpoint, each under a client that calls."""

import io
import json
import tarfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from settings.names import ALIAS, StackSuffix, model_key, notebook_prefix, result_key
from tools.cdk import CdkFailed
from tools.deploy import weights
from tools.prove.step import Facts
from tools.prove.system import ProvedSystem
from tools.stack import describe, is_busy

_LOOK_SECONDS = 0.5
BAKING = "Baking"  # status of a variant in PendingDeploymentSummary
ONE = {"training_instance_count": "1"}  # the first job has shown several
FLOOR = {**ONE, "seed": "1", "epochs": "1", "accuracy_floor": "0.999"}
TUNED = {
    **ONE, "trainable": "head", "learning_rate": "0.05", "accuracy_floor": "0.1",
    "tuning_max_jobs": "2", "tuning_learning_rate": "0.001|0.1",
    "weights": "0" * 64,  # the step replaces this by the digest of those that it uploads
}  # fmt: skip
ROLLBACK = {**ONE, "seed": "2"}
BROKEN = {"seed": "3"}
# With the roles of notebook and EC2 instance: their stacks use them, and so they could not go.
OTHER_TYPE = {"endpoint_instance_type": "ml.c7g.large", "notebook": "true", "ec2_training": "true"}
LIMIT_SECONDS = 120  # the least that SageMaker takes for a tuning job


class UpdateWatch:
    """Context manager that describes the endpoint again and again; `seen` has each state that differs from the last.

    Args:
        on_look: called with every description; it runs in the background.
    """

    def __init__(self, endpoint: str, on_look: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
        self.seen: list[dict[str, Any]] = []
        self._endpoint, self._on_look = endpoint, on_look
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "UpdateWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        client = boto3.client("sagemaker")
        while not self._stop.wait(_LOOK_SECONDS):
            try:
                described = client.describe_endpoint(EndpointName=self._endpoint)
                self._on_look(described)
            except (BotoCoreError, ClientError):
                continue  # throttled, or being replaced: the next look tells
            state = _state(described)
            if not self.seen or state != self.seen[-1]:
                self.seen.append(state)


def _state(described: dict[str, Any]) -> dict[str, Any]:
    pending = described.get("PendingDeploymentSummary", {})
    variants = pending.get("ProductionVariants", [{}])
    return {
        "status": described["EndpointStatus"],
        "config": described["EndpointConfigName"],
        "pending": pending.get("EndpointConfigName", ""),
        "stage": [status["Status"] for variant in variants for status in variant.get("VariantStatus", [])],
        "failure": described.get("FailureReason", ""),
    }


def update(
    system: ProvedSystem,
    stack: StackSuffix,
    changes: Mapping[str, str],
    on_look: Callable[[dict[str, Any]], None] = lambda _: None,
) -> Facts:
    """Deploy the stack, and those that it needs, under a client that calls, and note what was seen, a failure too."""
    before, jobs = system.endpoint()["EndpointConfigName"], system.job_names()
    endpoint, began, failure = system.endpoint_name, time.time(), ""
    with system.steady_client() as client, UpdateWatch(endpoint, on_look) as watch:
        try:
            system.deploy(stack, **changes)
        except CdkFailed as failed:
            failure = str(failed)
    return {
        "began": began,
        "ended": time.time(),
        "failure": failure,
        "endpoint": endpoint,
        "before": before,
        "after": system.endpoint()["EndpointConfigName"],
        "calls": client.calls,
        "errors": client.errors[:20],
        "seen": watch.seen,
        "jobs": system.job_names(besides=jobs),
    }


def floor(system: ProvedSystem) -> Facts:
    """Try to change the stack once more while it trains. The other change would be a tag."""
    client, refused, stack = boto3.client("cloudformation"), dict[str, str](), system.stack("trained-model")
    change = _tagged(stack)
    before, meanwhile = f"{system.prefix}-before", f"{system.prefix}-meanwhile"

    def remove() -> None:
        for name in (before, meanwhile):
            client.delete_change_set(ChangeSetName=name, StackName=stack)  # it succeeds without one, too

    def try_to_change(_: dict[str, Any]) -> None:
        if refused or not is_busy((describe(stack) or {}).get("StackStatus", "")):
            return
        refused["CreateChangeSet"] = _refusal(lambda: client.create_change_set(ChangeSetName=meanwhile, **change))
        refused["ExecuteChangeSet"] = _refusal(lambda: client.execute_change_set(ChangeSetName=before, StackName=stack))

    remove()
    client.create_change_set(ChangeSetName=before, **change)
    facts = update(system, "trained-model", FLOOR, try_to_change)
    remove()
    return facts | {"refused": refused}


def _tagged(stack: str) -> dict[str, Any]:
    """Parameters of CreateChangeSet that give the stack one more tag, and leave it as it is otherwise."""
    known = describe(stack) or {}
    kept = [{"ParameterKey": it["ParameterKey"], "UsePreviousValue": True} for it in known.get("Parameters", [])]
    return {
        "StackName": stack, "UsePreviousTemplate": True, "Parameters": kept,
        "Capabilities": known.get("Capabilities", []),
        "Tags": [*known.get("Tags", []), {"Key": "make-prove", "Value": "yes"}],
    }  # fmt: skip


def _refusal(call: Callable[[], object]) -> str:
    """The error of a call; "" if it was accepted."""
    try:
        call()
    except ClientError as error:
        return str(error)
    return ""


def tuned(system: ProvedSystem) -> Facts:
    """The head of a random network is tuned; and once it is served, a second tuning job runs into its time limit."""
    with TemporaryDirectory() as folder:
        digest = weights.upload(_own_weights(Path(folder), system.settings.architecture), system.bucket)
    facts = update(system, "serving", {**TUNED, "weights": digest})
    return facts | {"limited": _start_limited(facts["jobs"][0], system) if facts["jobs"] else ""}


def _own_weights(folder: Path, architecture: str) -> Path:
    import torch

    from tools.deploy.convert_weights import pack
    from training.model import build
    from training.settings import Hyperparameters

    torch.manual_seed(0)
    return pack(build(Hyperparameters(architecture=architecture), 10, None), architecture, folder)


def _start_limited(job: str, system: ProvedSystem) -> str:
    """Start the tuning job of this training job once more, with more epochs than its time limit has room for.

    Without the weights: the next step's deploy takes the role's permission to read them.
    """
    client = boto3.client("sagemaker")
    made_by = system.job(job)["TuningJobArn"].rpartition("/")[2]
    found = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=made_by)
    config, definition = found["HyperParameterTuningJobConfig"], found["TrainingJobDefinition"]
    config["ResourceLimits"] |= {
        "MaxNumberOfTrainingJobs": 1,
        "MaxParallelTrainingJobs": 1,
        "MaxRuntimeInSeconds": LIMIT_SECONDS,
    }
    definition["InputDataConfig"] = [it for it in definition["InputDataConfig"] if it["ChannelName"] != "weights"]
    fixed = definition["StaticHyperParameters"] | {"epochs": "1000", "trainable": "all"}
    added = ("_tuning_objective_metric", "weights-sha256")  # by SageMaker, and with the weights
    definition["StaticHyperParameters"] = {name: value for name, value in fixed.items() if name not in added}
    name = f"{notebook_prefix(system.prefix)}{int(time.time()):x}"  # 32 characters at most
    client.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name,
        HyperParameterTuningJobConfig=config,
        TrainingJobDefinition=definition,
        Tags=system.tags,
    )
    return name


def rollback(system: ProvedSystem) -> Facts:
    """Have an alarm of the new configuration ring while it bakes, until SageMaker has taken it back."""
    rung: dict[str, str] = {}

    def ring(described: dict[str, Any]) -> None:
        state = _state(described)
        if BAKING in state["stage"]:
            alarm = f"{described['EndpointName']}-{state['pending']}-Invocation5XXErrors"
            boto3.client("cloudwatch").set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="make prove")
            rung.update(alarm=alarm, config=state["pending"])

    facts = update(system, "serving", ROLLBACK, ring)
    return facts | {"rung": rung}


def broken(system: ProvedSystem) -> Facts:
    """Put an archive without a model in the place of one that was not trained, and deploy it."""
    template = system.assembly(**BROKEN).template("trained-model")
    digest = template["Outputs"]["ModelDigest"]["Value"]
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz"):
        pass
    s3 = boto3.client("s3")
    s3.put_object(Bucket=system.bucket, Key=model_key(digest), Body=archive.getvalue())
    result = json.dumps({"job": "none", "test_accuracy": 1.0})
    s3.put_object(Bucket=system.bucket, Key=result_key(digest), Body=result.encode())
    return update(system, "serving", BROKEN)


def other_type(system: ProvedSystem) -> Facts:
    """Note meanwhile which version the alias names, for as long as the old endpoint is in service."""
    before, function = system.endpoint_name, system.outputs("serving")["FunctionName"]
    client, versions = boto3.client("lambda"), list[str]()

    def note(described: dict[str, Any]) -> None:
        if described["EndpointStatus"] == "InService":
            version = client.get_alias(FunctionName=function, Name=ALIAS)["FunctionVersion"]
            versions.extend([version] if version not in versions else [])

    facts = update(system, "serving", OTHER_TYPE, note)
    version = client.get_alias(FunctionName=function, Name=ALIAS)["FunctionVersion"]
    after = {"endpoint_after": system.endpoint_name, "version_after": version}
    return facts | {"endpoint_before": before, "versions": versions, **after}
