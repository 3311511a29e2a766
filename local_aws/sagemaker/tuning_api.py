"""SageMaker operations on hyper-parameter tuning jobs."""

from collections.abc import Callable
from typing import Any

from local_aws.sagemaker import caller
from local_aws.sagemaker.job import LISTED_AT_ONCE, listing
from local_aws.sagemaker.registry import Registry
from local_aws.sagemaker.training_job import TrainingJob
from local_aws.sagemaker.tuning_job import TuningJob
from local_aws.service import Operation, invalid, page

tuning_jobs: Registry[TuningJob] = Registry("hyper-parameter-tuning-job")

# Parameters that local AWS does not support, by their part of the request.
_UNSUPPORTED = {
    "": ("TrainingJobDefinitions", "WarmStartConfig", "Autotune"),
    "HyperParameterTuningJobConfig": ("StrategyConfig", "TuningJobCompletionCriteria"),
    "TrainingJobDefinition": (
        "DefinitionName",
        "TuningObjective",
        "HyperParameterRanges",
        "HyperParameterTuningResourceConfig",
        "RetryStrategy",
    ),
}
_NEEDED = {
    "": ("TrainingJobDefinition",),
    "HyperParameterTuningJobConfig": ("HyperParameterTuningJobObjective", "ParameterRanges"),
    "TrainingJobDefinition": ("ResourceConfig",),
}
_SCALES = ("Auto", "Linear", "Logarithmic")


def operations(
    check: Callable[[dict[str, Any], int], None], launch: Callable[[dict[str, Any]], TrainingJob]
) -> dict[str, Operation]:
    """Operations by name.

    `check` validates a training job's definition and the number that runs at once, `launch` starts a training job.
    """

    def create(request: dict[str, Any]) -> dict[str, Any]:
        _require_supported(request)
        caller.require_besides("CreateHyperParameterTuningJob", request)
        definition = request["TrainingJobDefinition"]
        caller.require_volume_grant(definition["ResourceConfig"].get("VolumeKmsKeyId"))
        check(definition, request["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxParallelTrainingJobs"])
        name = request["HyperParameterTuningJobName"]
        job = TuningJob(request, tuning_jobs.arn(name), launch)
        tuning_jobs.add(name, job)
        job.start()
        return {"HyperParameterTuningJobArn": job.arn}

    return {
        "CreateHyperParameterTuningJob": create,
        "DescribeHyperParameterTuningJob": lambda r: tuning_jobs.get(r["HyperParameterTuningJobName"]).describe(),
        "StopHyperParameterTuningJob": lambda r: tuning_jobs.get(r["HyperParameterTuningJobName"]).stop(),
        "ListHyperParameterTuningJobs": lambda r: listing("HyperParameterTuning", tuning_jobs.all(), r, by="Name"),
        "ListTrainingJobsForHyperParameterTuningJob": _list,
    }


def _list(request: dict[str, Any]) -> dict[str, Any]:
    if given := sorted(set(request) - {"HyperParameterTuningJobName", "StatusEquals", "MaxResults", "NextToken"}):
        raise invalid(f"local AWS does not support {', '.join(given)} here.")
    summaries = tuning_jobs.get(request["HyperParameterTuningJobName"]).summaries()
    status = request.get("StatusEquals")
    found, more = page([s for s in summaries if status in (None, s["TrainingJobStatus"])], request, LISTED_AT_ONCE)
    return {"TrainingJobSummaries": found, **more}


def _require_supported(request: dict[str, Any]) -> None:
    """Validate a tuning request.

    Raises:
        ApiError: names all parameters that local AWS does not support, or that it needs and are missing.
    """
    unsupported = [f"{part}.{name}".strip(".") for part, name in _members(request, _UNSUPPORTED, present=True)]
    ranges = request["HyperParameterTuningJobConfig"].get("ParameterRanges", {})
    unsupported += ["ParameterRanges.AutoParameters"] if ranges.get("AutoParameters") else []
    unsupported += [
        f"ScalingType {entry['ScalingType']}"
        for kind in ("IntegerParameterRanges", "ContinuousParameterRanges")
        for entry in ranges.get(kind, [])
        if entry.get("ScalingType", "Auto") not in _SCALES
    ]
    if unsupported:
        raise invalid(f"local AWS does not support {', '.join(unsupported)}.")
    needed = [f"{part}.{name}".strip(".") for part, name in _members(request, _NEEDED, present=False)]
    if "MaxNumberOfTrainingJobs" not in request["HyperParameterTuningJobConfig"]["ResourceLimits"]:
        needed.append("ResourceLimits.MaxNumberOfTrainingJobs")
    if needed:
        raise invalid(f"local AWS needs {', '.join(needed)} to tune.")


def _members(request: dict[str, Any], table: dict[str, tuple[str, ...]], *, present: bool) -> list[tuple[str, str]]:
    """Members of `table`, as (part, name), that are present in the request, or that are missing from it."""
    return [
        (part, name)
        for part, names in table.items()
        for name in names
        if (name in (request.get(part, {}) if part else request)) is present
    ]
