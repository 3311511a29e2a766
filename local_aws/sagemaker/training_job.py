"""Training jobs: download, training on every instance, upload, and state-change events."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from aws.log_groups import TRAINING_JOBS
from local_aws import doubts
from local_aws.ports import free_port
from local_aws.processes import ProcessGroup
from local_aws.sagemaker.archive import pack
from local_aws.sagemaker.caller import execution_role, key_uses
from local_aws.sagemaker.checkpoints import CheckpointSync, local_path
from local_aws.sagemaker.host_names import HostNames
from local_aws.sagemaker.job import ENDED, InstanceJob, JobFailed
from local_aws.sagemaker.job_metrics import JobMetrics
from local_aws.sagemaker.job_parts import STOP_GRACE_SECONDS, encrypted_by, end_all, fetch
from local_aws.sagemaker.training_host import LogShipper, TrainingHost, stream_name
from local_aws.service import now


class TrainingJob(InstanceJob):
    """A training job. StopTrainingJob sends SIGTERM to every instance, and SIGKILL after STOP_GRACE_SECONDS."""

    kind, event = "Training", "Training Job"

    def __init__(self, request: dict[str, Any], arn: str) -> None:
        super().__init__(request, arn)
        self._state |= {"SecondaryStatus": "Starting", "SecondaryStatusTransitions": []}
        self._groups: list[ProcessGroup] = []
        source = request.get("TuningJobArn", arn) if doubts.other("tuning-source") else arn
        self._session = execution_role(request["RoleArn"], source, request.get("VpcConfig"))
        definitions = request["AlgorithmSpecification"].get("MetricDefinitions", [])
        self._metrics = JobMetrics(self.name, definitions, self._session)

    def values(self, metric: str) -> list[float]:
        """All values of a metric so far, oldest first."""
        return self._metrics.values(metric)

    def in_use(self, instance_type: str, *, spot: bool) -> int:
        """Number of instances of a type that it uses, on demand or as spot instances."""
        resources, own = self.request["ResourceConfig"], self.request.get("EnableManagedSpotTraining", False)
        counts = self.status not in ENDED and (resources["InstanceType"], own) == (instance_type, spot)
        return int(resources["InstanceCount"]) if counts else 0

    def _describe(self) -> dict[str, Any]:
        return {**super()._describe(), "FinalMetricDataList": self._metrics.final}

    # ------------------------------------------------------------------ running

    def _work(self, folder: Path) -> None:
        hosts = self._prepare(folder)
        self._train(hosts)
        self._enter("Uploading")
        self._upload(hosts)

    def _prepare(self, folder: Path) -> list[TrainingHost]:
        self._enter("Downloading")
        resources, output = self.request["ResourceConfig"], self.request["OutputDataConfig"]
        for use in key_uses(resources.get("VolumeKmsKeyId"), output.get("KmsKeyId")):
            self._session.require(*use)
        world = int(resources["InstanceCount"])
        hosts = [TrainingHost(folder, rank, world) for rank in range(world)]
        for channel in self.request.get("InputDataConfig", []):
            folders = [host.folder / "input/data" / channel["ChannelName"] for host in hosts]  # FullyReplicated
            fetch(self._session, channel["DataSource"]["S3DataSource"]["S3Uri"], folders)
        if checkpoints := self.request.get("CheckpointConfig"):
            fetch(self._session, checkpoints["S3Uri"], self._checkpoint_folders(hosts), "--may-be-empty")
        for host in hosts:
            host.configure(self.request)
        return hosts

    def _checkpoint_folders(self, hosts: list[TrainingHost]) -> list[Path]:
        """Checkpoint folder of each instance; empty without a CheckpointConfig."""
        path = local_path(self.request)
        return [host.local_path(path) for host in hosts] if path else []

    def _train(self, hosts: list[TrainingHost]) -> None:
        checkpoints = self.request.get("CheckpointConfig")
        if not checkpoints:
            self._run_program(hosts)
            return
        sync = CheckpointSync(self._session.client("s3"), checkpoints["S3Uri"], self._checkpoint_folders(hosts))
        with sync:
            self._run_program(hosts)
        if sync.error:
            raise JobFailed(f"ClientError: Checkpoint upload failed: {sync.error} ({checkpoints['S3Uri']})")

    def _run_program(self, hosts: list[TrainingHost]) -> None:
        if self._stopping.is_set():
            return
        self._enter("Training")
        self._state["TrainingStartTime"] = now()
        isolated = self.request.get("EnableNetworkIsolation", False)
        credentials = {} if isolated else self._session.environment()
        logs, port = self._session.client("logs"), free_port()
        names = HostNames.of(hosts[0].folder.parent, [host.name for host in hosts])
        shippers = []
        try:
            for host in hosts:
                group = host.start(self.request, self.name, port, credentials, names)
                self._groups.append(group)
                shipper = LogShipper(logs, TRAINING_JOBS, stream_name(self.name, host.name), self._metrics.observe)
                shipper.follow(group.output)
                shippers.append(shipper)
            self._wait(hosts)
        finally:
            end_all([group for group in self._groups if group.poll() is None], 0)  # not all have started
            for shipper in shippers:
                shipper.finish()
            self._state["TrainingEndTime"] = now()

    def _wait(self, hosts: list[TrainingHost]) -> None:
        limit = float(self.request["StoppingCondition"].get("MaxRuntimeInSeconds", 86400))
        deadline = time.monotonic() + limit
        while True:
            codes = [group.poll() for group in self._groups]
            failed = [(host, code) for host, code in zip(hosts, codes, strict=True) if code]
            if failed and not self._stopping.is_set():
                time.sleep(0.5)  # one failure makes the others fail: let each write its reason
                end_all(self._groups, 10)
                reasons = [host.failure() for host, _ in failed] + [host.failure() for host in hosts]
                reason = next(filter(None, reasons), "")
                raise JobFailed(f"AlgorithmError: {reason}, exit code: {failed[0][1]}")
            if all(code is not None for code in codes):
                return
            if time.monotonic() > deadline:
                self._enter("MaxRuntimeExceeded")
                self._stopping.set()
            if self._stopping.is_set():
                end_all(self._groups, STOP_GRACE_SECONDS)
                return
            time.sleep(0.1)

    def _upload(self, hosts: list[TrainingHost]) -> None:
        output = self.request["OutputDataConfig"]
        prefix = f"{output['S3OutputPath'].rstrip('/')}/{self.name}/output"
        s3 = self._session.client("s3")
        encryption = encrypted_by(output.get("KmsKeyId"))
        for part, archive in (("output/data", "output.tar.gz"), ("model", "model.tar.gz")):
            location = urlparse(f"{prefix}/{archive}")
            packed = pack([host.folder / part for host in hosts], hosts[0].folder.parent / archive)
            try:
                s3.upload_file(str(packed), location.netloc, location.path.lstrip("/"), ExtraArgs=encryption)
            except Exception as error:
                raise JobFailed(f"ClientError: Artifact upload failed: {error} ({prefix})") from error
        self._state["ModelArtifacts"] = {"S3ModelArtifacts": f"{prefix}/model.tar.gz"}

    # ------------------------------------------------------------------ state

    def _enter(self, secondary: str, message: str = "") -> None:
        transitions = self._state["SecondaryStatusTransitions"]
        if transitions:
            transitions[-1]["EndTime"] = now()
        transitions.append({"Status": secondary, "StartTime": now(), "StatusMessage": message})
        self._state["SecondaryStatus"] = secondary

    def _end(self, status: str, reason: str = "") -> None:
        self._enter(status, reason)
        started, ended = self._state.get("TrainingStartTime"), self._state.get("TrainingEndTime")
        if started and ended:
            seconds = int((ended - started).total_seconds())
            self._state["TrainingTimeInSeconds"] = self._state["BillableTimeInSeconds"] = seconds
        self._state["TrainingEndTime"] = ended or now()
        self._metrics.end()
        super()._end(status, reason)
