"""SageMaker operations on processing jobs."""

from collections.abc import Iterator
from typing import Any

from aws.instances import Instance
from local_aws.quotas import require_instances
from local_aws.sagemaker import caller
from local_aws.sagemaker.job import listing
from local_aws.sagemaker.processing_host import INPUTS
from local_aws.sagemaker.processing_job import ProcessingJob
from local_aws.sagemaker.registry import Registry
from local_aws.service import Operation, invalid

processing_jobs: Registry[ProcessingJob] = Registry("processing-job")


def _create(request: dict[str, Any]) -> dict[str, Any]:
    caller.require_besides("CreateProcessingJob", request)
    if problems := list(_problems(request)):
        raise invalid(" ".join(problems))
    cluster = request["ProcessingResources"]["ClusterConfig"]
    caller.require_volume_grant(cluster.get("VolumeKmsKeyId"))
    kind = cluster["InstanceType"]
    in_use = sum(job.in_use(kind) for job in processing_jobs.all())
    require_instances("processing job", kind, in_use=in_use, more=cluster["InstanceCount"])
    name = request["ProcessingJobName"]
    job = ProcessingJob(request, processing_jobs.arn(name))
    processing_jobs.add(name, job)
    job.start()
    return {"ProcessingJobArn": job.arn}


def _problems(request: dict[str, Any]) -> Iterator[str]:
    """Sentences about what SageMaker refuses in a request, or local AWS does not support."""
    cluster = request["ProcessingResources"]["ClusterConfig"]
    for name in ("InstanceType", "InstanceCount"):
        if name not in cluster:
            yield f"local AWS needs ClusterConfig.{name}."
    if "VolumeKmsKeyId" in cluster and Instance.parse(cluster.get("InstanceType", "ml.m5.large")).local_disk:
        yield f"VolumeKmsKeyId cannot be given for {cluster['InstanceType']}, which has local storage."
    unsupported = ["ExperimentConfig"] if "ExperimentConfig" in request else []
    paths = []
    for given in request.get("ProcessingInputs", []):
        source = given.get("S3Input", {})
        paths.append(source.get("LocalPath", ""))
        wanted = {"S3DataType": "S3Prefix", "S3InputMode": "File", "S3CompressionType": "None"}
        if given.get("AppManaged") or not source or any(source.get(k, v) != v for k, v in wanted.items()):
            unsupported.append(f"input {given['InputName']} other than S3Prefix in File mode")
    for output in request.get("ProcessingOutputConfig", {}).get("Outputs", []):
        target = output.get("S3Output", {})
        paths.append(target.get("LocalPath", ""))
        if output.get("AppManaged") or target.get("S3UploadMode") != "EndOfJob":
            unsupported.append(f"output {output['OutputName']} other than to S3 at the job's end")
    # LocalPath of "ProcessingS3Input", SageMaker API reference; and https://github.com/aws/sagemaker-python-sdk/issues/4939
    for path in paths:
        if not path.startswith(INPUTS) or ".." in path.split("/"):
            yield f"LocalPath {path!r} must begin with {INPUTS}."
    if len(set(paths)) < len(paths):
        yield "each input and output needs a LocalPath of its own."
    if unsupported:
        yield f"local AWS does not support {', '.join(unsupported)}."


OPERATIONS: dict[str, Operation] = {
    "CreateProcessingJob": _create,
    "DescribeProcessingJob": lambda r: processing_jobs.get(r["ProcessingJobName"]).describe(),
    "StopProcessingJob": lambda r: processing_jobs.get(r["ProcessingJobName"]).stop(),
    "ListProcessingJobs": lambda r: listing("Processing", processing_jobs.all(), r),
}
