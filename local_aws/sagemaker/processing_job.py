"""Processing jobs: download, the container on every instance, upload, and state-change events."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from aws.log_groups import PROCESSING_JOBS
from local_aws.container import RunningContainer
from local_aws.images.image import ContainerImage
from local_aws.images.pull import pull
from local_aws.sagemaker.caller import execution_role, key_uses
from local_aws.sagemaker.job import ENDED, InstanceJob, JobFailed
from local_aws.sagemaker.job_parts import STOP_GRACE_SECONDS, encrypted_by, end_all, fetch
from local_aws.sagemaker.processing_host import ProcessingHost
from local_aws.sagemaker.training_host import LogShipper, stream_name
from local_aws.service import now

_DEFAULT_SECONDS = 86400
_SEE_LOGS = "AlgorithmError: See job logs for more information"  # tests of aws/sagemaker-spark-container


class ProcessingJob(InstanceJob):
    """A processing job. StopProcessingJob sends SIGTERM to every container, and SIGKILL after STOP_GRACE_SECONDS."""

    kind, event = "Processing", "Processing Job"

    def __init__(self, request: dict[str, Any], arn: str) -> None:
        super().__init__(request, arn)
        self._cluster = request["ProcessingResources"]["ClusterConfig"]
        self._outputs = request.get("ProcessingOutputConfig", {})
        self._session = execution_role(request["RoleArn"], arn, request.get("NetworkConfig", {}).get("VpcConfig"))

    def in_use(self, instance_type: str) -> int:
        """Number of instances of a type that it uses."""
        counts = self.status not in ENDED and self._cluster["InstanceType"] == instance_type
        return int(self._cluster["InstanceCount"]) if counts else 0

    def _describe(self) -> dict[str, Any]:
        return {**super()._describe(), "LastModifiedTime": now()}

    # ------------------------------------------------------------------ running

    def _work(self, folder: Path) -> None:
        hosts = [ProcessingHost(folder, rank) for rank in range(int(self._cluster["InstanceCount"]))]
        image = self._prepare(hosts)
        self._process(hosts, image)
        if not self._stopping.is_set():
            self._upload(hosts)

    def _prepare(self, hosts: list[ProcessingHost]) -> ContainerImage:
        for use in key_uses(self._cluster.get("VolumeKmsKeyId"), self._outputs.get("KmsKeyId")):
            self._session.require(*use)
        name = self.request["AppSpecification"]["ImageUri"]
        try:
            image = pull(name, self._session)
        except Exception as error:
            raise JobFailed(f"ClientError: Cannot pull the image {name}: {error}") from error
        for given in self.request.get("ProcessingInputs", []):
            source = given["S3Input"]
            folders = [host.place(source["LocalPath"]) for host in hosts]
            if source.get("S3DataDistributionType") == "ShardedByS3Key":
                for rank, folder in enumerate(folders):
                    fetch(self._session, source["S3Uri"], [folder], "--share", f"{rank}/{len(hosts)}")
            else:
                fetch(self._session, source["S3Uri"], folders)
        for host in hosts:
            host.configure(self.request, self._describe(), [each.name for each in hosts])
        return image

    def _process(self, hosts: list[ProcessingHost], image: ContainerImage) -> None:
        if self._stopping.is_set():
            return
        self._state["ProcessingStartTime"] = now()
        isolated = self.request.get("NetworkConfig", {}).get("EnableNetworkIsolation", False)
        credentials = {} if isolated else self._session.environment()
        logs = self._session.client("logs")
        containers, shippers = list[RunningContainer](), list[LogShipper]()

        def ship(host: ProcessingHost, lines: Iterable[str]) -> None:
            shipper = LogShipper(logs, PROCESSING_JOBS, stream_name(self.name, host.name), lambda _: None)
            shipper.follow(lines)
            shippers.append(shipper)

        try:
            for host in hosts:
                if image.architecture != "amd64":  # SageMaker has no other instances for processing jobs
                    ship(host, [f"exec {image.command[0]}: exec format error"])
                    raise JobFailed(_SEE_LOGS)
                containers.append(host.start(image, self.request, credentials))
                ship(host, containers[-1].output)
            self._wait(containers)
        finally:
            end_all([container for container in containers if container.poll() is None], 0)  # not all have started
            for shipper in shippers:
                shipper.finish()
            self._note_messages(hosts)

    def _wait(self, containers: list[RunningContainer]) -> None:
        limit = float(self.request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", _DEFAULT_SECONDS))
        deadline = time.monotonic() + limit
        while True:
            codes = [container.poll() for container in containers]
            if self._stopping.is_set() or time.monotonic() > deadline:
                self._stopping.set()
                end_all(containers, STOP_GRACE_SECONDS)
                return
            if any(codes):
                end_all(containers, STOP_GRACE_SECONDS)
                raise JobFailed(_SEE_LOGS)
            if all(code is not None for code in codes):
                return
            time.sleep(0.1)

    def _note_messages(self, hosts: list[ProcessingHost]) -> None:
        """ "Save and Access Metadata Information About Your Processing Job", SageMaker developer guide."""
        try:
            if message := "".join(host.message() for host in hosts)[:1024]:
                self._state["ExitMessage"] = message
        except UnicodeDecodeError as error:
            raise JobFailed(f"ClientError: the exit message is not UTF-8: {error}") from error

    def _upload(self, hosts: list[ProcessingHost]) -> None:
        s3, encryption = self._session.client("s3"), encrypted_by(self._outputs.get("KmsKeyId"))
        for output in self._outputs.get("Outputs", []):
            target = urlparse(output["S3Output"]["S3Uri"])
            prefix = target.path.strip("/")
            for host in hosts:
                for path, name in host.files(output["S3Output"]["LocalPath"]):
                    try:
                        s3.upload_file(str(path), target.netloc, f"{prefix}/{name}", ExtraArgs=encryption)
                    except Exception as error:
                        raise JobFailed(f"ClientError: Output upload failed: {error}") from error

    def _end(self, status: str, reason: str = "") -> None:
        self._state["ProcessingEndTime"] = now()
        super()._end(status, reason)
