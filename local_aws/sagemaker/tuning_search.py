"""Search described by a HyperParameterTuningJobConfig, with our algorithms: SageMaker's are not public."""

from collections.abc import Callable
from typing import Any, get_args

from local_aws.service import invalid
from training.search import Search
from training.tuning import Strategy


def search_of(config: dict[str, Any]) -> Search:
    """Create the search for a HyperParameterTuningJobConfig.

    Raises:
        ApiError: local AWS does not support the strategy, or a range is invalid.
    """
    strategies = get_args(Strategy)
    if config["Strategy"] not in strategies:
        raise invalid(f"local AWS supports the strategies {' and '.join(strategies)}, not {config['Strategy']}.")
    return Search(
        _space(config.get("ParameterRanges", {})),
        strategy=config["Strategy"],
        seed=config.get("RandomSeed"),
        early_stopping=config.get("TrainingJobEarlyStoppingType", "Off") == "Auto",
        direction=config["HyperParameterTuningJobObjective"]["Type"].lower(),
        keep_apart=config["ResourceLimits"]["MaxParallelTrainingJobs"] > 1,
    )


def _space(ranges: dict[str, Any]) -> dict[str, Any]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    numbers: dict[str, Callable[[str, str, bool], Any]] = {
        "ContinuousParameterRanges": lambda low, high, log: FloatDistribution(float(low), float(high), log),
        "IntegerParameterRanges": lambda low, high, log: IntDistribution(int(low), int(high), log),
    }
    space: dict[str, Any] = {}
    try:
        for kind, distribution in numbers.items():
            for entry in ranges.get(kind, []):
                logarithmic = entry.get("ScalingType") == "Logarithmic"
                space[entry["Name"]] = distribution(entry["MinValue"], entry["MaxValue"], logarithmic)
        for entry in ranges.get("CategoricalParameterRanges", []):
            space[entry["Name"]] = CategoricalDistribution(entry["Values"])
    except ValueError as error:
        raise invalid(f"ParameterRanges: {entry['Name']}: {error}") from error
    if not space:
        raise invalid("ParameterRanges must hold at least one range.")
    return space
