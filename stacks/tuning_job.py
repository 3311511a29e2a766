"""The request for a tuning job, derived from that for a training job: it runs the job many times over ranges.

Source: "CreateHyperParameterTuningJob", SageMaker API reference.
"""

from typing import Any

from aws.containers import WITHOUT_COMMAND
from settings import Settings
from training.ranges import Between, Choice, Range

_OBJECTIVE = {"Type": "Maximize", "MetricName": "validation:accuracy"}  # the test images must not influence the choice


def tuning_job(training_job: dict[str, Any], *, settings: Settings) -> dict[str, Any]:
    """Turn a CreateTrainingJob request into a CreateHyperParameterTuningJob request; neither has a name yet."""
    definition = dict(training_job)
    tags, fixed = definition.pop("Tags"), definition.pop("HyperParameters")
    algorithm = definition["AlgorithmSpecification"]
    return {
        "HyperParameterTuningJobConfig": {
            "Strategy": settings.tuning_strategy,
            "HyperParameterTuningJobObjective": _OBJECTIVE,
            "ResourceLimits": {
                "MaxNumberOfTrainingJobs": settings.tuning_max_jobs,
                "MaxParallelTrainingJobs": settings.tuning_parallel_jobs,
                # All jobs together have the time of one: the stack's wait does not depend on their number.
                "MaxRuntimeInSeconds": definition["StoppingCondition"]["MaxRuntimeInSeconds"],
            },
            "ParameterRanges": _parameter_ranges(settings.ranges),
            "TrainingJobEarlyStoppingType": settings.tuning_early_stopping,
            "RandomSeed": settings.seed,
        },
        "TrainingJobDefinition": {
            **definition,
            "AlgorithmSpecification": {k: v for k, v in algorithm.items() if k != "ContainerEntrypoint"},
            "Environment": definition["Environment"] | WITHOUT_COMMAND,
            "StaticHyperParameters": {name: value for name, value in fixed.items() if name not in settings.ranges},
        },
        "Tags": tags,
    }


def _parameter_ranges(ranges: dict[str, Range]) -> dict[str, list[dict[str, Any]]]:
    between = {name: range_ for name, range_ in ranges.items() if isinstance(range_, Between)}
    choices = {name: range_ for name, range_ in ranges.items() if isinstance(range_, Choice)}
    return {
        "IntegerParameterRanges": [_limits(name, r, "Linear") for name, r in between.items() if r.whole],
        "ContinuousParameterRanges": [_limits(name, r, "Logarithmic") for name, r in between.items() if not r.whole],
        "CategoricalParameterRanges": [{"Name": name, "Values": list(r.values)} for name, r in choices.items()],
    }


def _limits(name: str, range_: Between, scale: str) -> dict[str, str]:
    return {"Name": name, "MinValue": str(range_.low), "MaxValue": str(range_.high), "ScalingType": scale}
