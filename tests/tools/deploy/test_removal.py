"""`make destroy`: its order, what stays, what it refuses, and how it goes on after a failure."""

import sys
from collections import defaultdict
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tools.deploy import destroy as command
from tools.deploy import removal
from tools.deploy.destroy import destroy, stays
from tools.deploy.inventory import DeployedResource, Deployment
from tools.deploy.removal import NotRemoved, delete_stacks, stop_jobs

OF = Deployment("app", "dev", "000000000000")


class Stacks:
    """CloudFormation with stacks that cannot go before those they are `needed` by."""

    def __init__(self, needed: dict[str, str]) -> None:
        self.needed = needed
        self.statuses = ["CREATE_COMPLETE"]  # that of before a cancelled deletion
        self.gone: list[str] = []
        self.events: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def delete_stack(self, StackName: str, ClientRequestToken: str) -> None:
        if self.needed.get(StackName, StackName) in [StackName, *self.gone]:
            self.gone.append(StackName)
            return
        reason = f"Delete canceled. Cannot delete export e as it is in use by {self.needed[StackName]}."
        event = {"ResourceStatus": "CREATE_COMPLETE", "ResourceStatusReason": reason}
        self.events[StackName].append({**event, "ClientRequestToken": ClientRequestToken})

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        if StackName in self.gone:
            raise ClientError({"Error": {"Code": "ValidationError"}}, "DescribeStacks")
        return {"Stacks": [{"StackStatus": self.statuses[0]}]}

    def describe_stack_events(self, StackName: str) -> dict[str, Any]:
        return {"StackEvents": self.events[StackName]}


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Stacks]:
    def make(**needed: str) -> Stacks:
        stacks = Stacks(needed)
        monkeypatch.setattr(removal.boto3, "client", lambda _: stacks)
        return stacks

    return make


def test_a_stack_that_another_needs_is_deleted_after_it(cloudformation: Callable[..., Stacks]) -> None:
    stacks = cloudformation(base="top")
    delete_stacks(["base", "middle", "top"], lambda _: None)
    assert stacks.gone == ["middle", "top", "base"]


def test_when_nothing_more_can_go_the_reasons_are_told(cloudformation: Callable[..., Stacks]) -> None:
    stacks = cloudformation(base="somebody else's")
    with pytest.raises(NotRemoved, match=r"stack base is still there: .* export e as it is in use by somebody else's"):
        delete_stacks(["base", "top"], lambda _: None)
    assert stacks.gone == ["top"]


def test_a_stack_is_deleted_after_the_update_that_it_is_in(
    cloudformation: Callable[..., Stacks], monkeypatch: pytest.MonkeyPatch
) -> None:
    """CloudFormation refuses it before: "cannot be deleted while in status UPDATE_IN_PROGRESS"."""
    stacks, said = cloudformation(), list[str]()
    stacks.statuses = ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"]
    monkeypatch.setattr(removal.time, "sleep", lambda _: stacks.statuses.pop(0))
    delete_stacks(["top"], said.append)
    assert said == [
        "waiting for stack top, which is UPDATE_IN_PROGRESS: CloudFormation deletes it afterwards",
        "deleting stack top",
    ]
    assert (stacks.statuses, stacks.gone) == (["UPDATE_ROLLBACK_COMPLETE"], ["top"])


def test_an_update_that_does_not_end_is_named(
    cloudformation: Callable[..., Stacks], monkeypatch: pytest.MonkeyPatch
) -> None:
    cloudformation().statuses = ["UPDATE_IN_PROGRESS"]
    monkeypatch.setattr(removal.time, "sleep", lambda _: None)
    with pytest.raises(NotRemoved, match="stack top is still being updated: run the same command again when"):
        delete_stacks(["top"], lambda _: None)


class Jobs:
    """SageMaker with one tuning job and one of its training jobs, each with the statuses it will still have."""

    def __init__(self, *, tuning: list[str], training: list[str]) -> None:
        self.statuses = {"tuning": tuning, "training": training}
        self.log: list[str] = []

    def _status(self, kind: str) -> str:
        statuses = self.statuses[kind]
        return statuses.pop(0) if len(statuses) > 1 else statuses[0]

    def describe_hyper_parameter_tuning_job(self, HyperParameterTuningJobName: str) -> dict[str, str]:
        return {"HyperParameterTuningJobStatus": self._status("tuning")}

    def stop_hyper_parameter_tuning_job(self, HyperParameterTuningJobName: str) -> None:
        self.log.append("stop tuning")

    def describe_training_job(self, TrainingJobName: str) -> dict[str, str]:
        self.log.append(f"look at training while tuning is {self._status('tuning')}")
        return {"TrainingJobStatus": self._status("training")}

    def stop_training_job(self, TrainingJobName: str) -> None:
        self.log.append("stop training")

    def get_waiter(self, name: str) -> "Jobs":
        return self

    def wait(self, TrainingJobName: str, WaiterConfig: Any) -> None:
        self.log.append("wait for training")


@pytest.mark.parametrize(
    ("tuning", "stopped"),
    [(["InProgress", "Stopping", "Stopping", "Stopped"], ["stop tuning"]), (["Stopping", "Stopping", "Stopped"], [])],
    ids=["running", "stopping already"],
)
def test_a_tuning_is_stopped_once_and_has_ended_before_its_training_jobs_are_looked_at(
    tuning: list[str], stopped: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = Jobs(tuning=tuning, training=["Stopping"])
    monkeypatch.setattr(removal.boto3, "client", lambda _: jobs)
    monkeypatch.setattr(removal.time, "sleep", lambda _: None)

    stop_jobs(
        [DeployedResource("training job", "app-dev-job"), DeployedResource("tuning job", "app-dev-tuning")],
        lambda _: None,
    )

    assert jobs.log == [*stopped, "look at training while tuning is Stopped", "wait for training"]


@pytest.mark.parametrize("status", ["InProgress", "Stopping"])
def test_a_scoring_is_stopped_once_and_waited_for(status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    log = []

    class Scoring:
        def describe_processing_job(self, ProcessingJobName: str) -> dict[str, str]:
            return {"ProcessingJobStatus": status}

        def stop_processing_job(self, ProcessingJobName: str) -> None:
            log.append(f"stop {ProcessingJobName}")

        def get_waiter(self, name: str) -> "Scoring":
            assert name in boto3.session.Session().client("sagemaker", region_name="us-east-1").waiter_names
            return self

        def wait(self, ProcessingJobName: str, WaiterConfig: Any) -> None:
            log.append(f"wait for {ProcessingJobName}")

    monkeypatch.setattr(removal.boto3, "client", lambda _: Scoring())
    stop_jobs([DeployedResource("scoring job", "app-dev-score-1")], lambda _: None)
    stopped = ["stop app-dev-score-1"] if status == "InProgress" else []
    assert log == [*stopped, "wait for app-dev-score-1"]


class Account:
    """Stand-in for every service; `log` has what was done, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *found: tuple[str, str], stuck: str = "") -> None:
        self.found = {DeployedResource(*each) for each in found}
        self.log: list[str] = []
        self.stuck = stuck
        monkeypatch.setattr(Deployment, "find", lambda _: sorted(self.found))
        for name in ("stop_jobs", "by_creation", "delete_stacks", "empty", "remove"):
            monkeypatch.setattr(command, name, getattr(self, name))
        monkeypatch.setattr(command, "_require_retained", lambda _: None)

    def stop_jobs(self, found: list[DeployedResource], say: Any) -> None:
        self.found -= {each for each in found if each.kind.endswith("job")}
        self.log.append("stop jobs")

    def by_creation(self, names: list[str]) -> list[str]:
        return sorted(names)

    def delete_stacks(self, names: list[str], say: Any) -> None:
        self.found -= {DeployedResource("stack", name) for name in names}
        self.log += [f"delete {name}" for name in names]

    def empty(self, bucket: str) -> None:
        self.log.append(f"empty {bucket}")

    def remove(self, found: DeployedResource) -> None:
        self.log.append(f"remove {found}")
        if found.name != self.stuck:
            self.found.discard(found)


DATA = (("bucket", "app-dev-1"), ("bucket", "app-dev-1-logs"), ("key", "k"), ("training log", "app-dev-job/algo-1"))


def test_jobs_end_first_then_the_stacks_go_then_what_services_made(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(
        monkeypatch, ("training job", "app-dev-job"), ("stack", "app-dev-serving"), ("stack", "app-dev-storage"),
        ("log group", "/aws/sagemaker/Endpoints/app-dev-ab12"), *DATA,
    )  # fmt: skip
    left = destroy(OF, keep_data=True, say=lambda _: None)
    assert account.log == [
        "stop jobs",
        "delete app-dev-serving",
        "delete app-dev-storage",
        "remove log group /aws/sagemaker/Endpoints/app-dev-ab12",
    ]
    assert left == sorted(DeployedResource(*each) for each in DATA)


def test_what_a_stack_lost_goes_in_the_order_that_sagemaker_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(
        monkeypatch, ("model", "m"), ("endpoint configuration", "c"), ("endpoint", "app-dev-ab12"),
        ("scaling target", "endpoint/app-dev-ab12/variant/live"),
    )  # fmt: skip
    assert destroy(OF, keep_data=True, say=lambda _: None) == []
    kinds = [line.removeprefix("remove ").rpartition(" ")[0] for line in account.log[1:]]
    assert kinds == ["scaling target", "endpoint", "endpoint configuration", "model"]


def test_a_composite_alarm_goes_before_the_alarms_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """ "Cannot delete … as there are composite alarm(s) depending on it": cloud-custodian issue 7763."""
    account = Account(monkeypatch, ("alarm", "app-dev-endpoint-up"), ("composite alarm", "app-dev-endpoint-unused"))
    assert destroy(OF, keep_data=True, say=lambda _: None) == []
    assert account.log[1:] == ["remove composite alarm app-dev-endpoint-unused", "remove alarm app-dev-endpoint-up"]


def test_without_keep_data_nothing_stays_and_buckets_are_emptied_before_their_stack_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = Account(monkeypatch, ("stack", "app-dev-storage"), ("stack", "app-dev-serving"), *DATA)
    assert destroy(OF, keep_data=False, say=lambda _: None) == []
    order = [line for line in account.log if not line.startswith("remove")]
    assert order[1:] == ["delete app-dev-serving", "empty app-dev-1", "empty app-dev-1-logs", "delete app-dev-storage"]
    assert account.log[-1] == "remove bucket app-dev-1-logs"  # accesses to the other are logged in it


def test_what_is_still_there_is_named_and_the_same_command_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(
        monkeypatch, ("alarm", "TargetTracking-endpoint/app-dev-x"), stuck="TargetTracking-endpoint/app-dev-x"
    )
    with pytest.raises(NotRemoved, match=r"alarm TargetTracking-endpoint/app-dev-x is still there\nrun the same"):
        destroy(OF, keep_data=True, say=lambda _: None)
    account.stuck = ""
    assert destroy(OF, keep_data=True, say=lambda _: None) == []


def test_a_resource_that_only_a_stack_makes_is_not_guessed_at() -> None:
    with pytest.raises(NotRemoved, match=r"role app-dev-training is in no stack any more.*by hand"):
        removal.remove(DeployedResource("role", "app-dev-training"))


@pytest.mark.parametrize("policy", ["Delete", None])
def test_data_that_the_stack_would_take_is_not_deleted_with_keep_data(
    policy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class CloudFormation:
        def get_template(self, StackName: str) -> dict[str, Any]:
            bucket = {"Type": "AWS::S3::Bucket", **({"DeletionPolicy": policy} if policy else {})}
            return {"TemplateBody": {"Resources": {"Bucket": bucket}}}

    monkeypatch.setattr(Deployment, "find", lambda _: [DeployedResource("stack", "app-dev-storage")])
    monkeypatch.setattr(command.boto3, "client", lambda _: CloudFormation())
    with pytest.raises(NotRemoved, match=r"app-dev-storage was deployed with keep_data=false, .* deletes Bucket"):
        destroy(OF, keep_data=True, say=lambda _: None)


@pytest.mark.parametrize("policy", ["RetainExceptOnCreate", "Retain"])
def test_data_that_this_or_an_earlier_version_retains_does_not_stop_a_removal(
    policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = {"Type": "AWS::KMS::Key", "DeletionPolicy": policy}
    template = {"TemplateBody": {"Resources": {"Key": key}}}
    stack = DeployedResource("stack", "app-dev-storage")
    found, removed = [[stack], [], []], list[str]()
    monkeypatch.setattr(Deployment, "find", lambda _: found.pop(0))
    monkeypatch.setattr(command.boto3, "client", lambda _: SimpleNamespace(get_template=lambda StackName: template))
    monkeypatch.setattr(command, "delete_stacks", lambda names, _: removed.extend(names))
    assert destroy(OF, keep_data=True, say=lambda _: None) == []
    assert removed == ["app-dev-storage"]


def test_what_stays_has_its_price(monkeypatch: pytest.MonkeyPatch) -> None:
    class Versions:
        def all(self) -> list[Any]:
            return [type("Version", (), {"size": 5 * 2**30}), type("DeleteMarker", (), {"size": None})]

    class Storage:
        def Bucket(self, name: str) -> Any:
            return type("Bucket", (), {"object_versions": Versions()})

    monkeypatch.setattr(command.boto3, "resource", lambda _: Storage())
    left = [
        DeployedResource("bucket", "b"),
        DeployedResource("key", "k"),
        DeployedResource("training log", "a"),
        DeployedResource("training log", "b"),
    ]
    assert stays(left, "us-east-1") == [
        "bucket b: 2 objects, 5.00 GiB, 0.11 $ a month",  # 5 × 0.023
        "key k: 1.00 $ a month; it decrypts everything in the bucket",
        "2 logs of training jobs, in the account's own group: cents",
    ]
    assert stays(left[:2], "eu-central-1") == [
        "bucket b: 2 objects, 5.00 GiB, 0.12 $ a month",  # 5 × 0.0245
        "key k: 1.00 $ a month; it decrypts everything in the bucket",
    ]
    assert stays(left[1:2], "me-south-1") == ["key k: billed monthly; it decrypts everything in the bucket"]


def test_ctrl_c_while_it_removes_says_what_is_left_and_bills(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["destroy", "--yes"])
    monkeypatch.setattr(command, "require_aws", lambda: ("000000000000", "eu-west-1"))
    monkeypatch.setattr(Deployment, "find", lambda _: [DeployedResource("stack", "slipway-dev-serving")])
    monkeypatch.setattr(command, "destroy", interrupted)
    monkeypatch.setattr("tools.deploy.interrupted.what_runs", lambda *_: "stopped here; an endpoint bills on")
    assert command.main() == 130
    said = capsys.readouterr()
    assert said.out.splitlines()[1:] == ["  goes   stack slipway-dev-serving"]
    assert said.err == "stopped here; an endpoint bills on\n"
