"""Which hyper-parameters a tuning job tries next, and which of its training jobs fall behind: Optuna's part."""

import warnings
from collections.abc import Callable
from typing import Any

from local_aws.service import ApiError

_STARTUP_JOBS = 3  # tried at random before there is anything to learn from, or to fall behind of
_FIRST_JUDGED_EPOCH = 2


class Search:
    """The search that a HyperParameterTuningJobConfig describes; not for several threads at a time.

    Bayesian is Optuna's TPE sampler, Random its random one; SageMaker's own algorithms are not public.

    Raises:
        ApiError: for a strategy that is lacking here, and for ranges that are none.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        import optuna  # takes a second, which a start of the local AWS has no use for

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        seed = config.get("RandomSeed")
        parallel = config["ResourceLimits"]["MaxParallelTrainingJobs"] > 1
        match config["Strategy"]:
            case "Bayesian":
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                    # The liar keeps jobs that run at the same time apart.
                    sampler: Any = optuna.samplers.TPESampler(
                        seed=seed, n_startup_trials=_STARTUP_JOBS, constant_liar=parallel
                    )
            case "Random":
                sampler = optuna.samplers.RandomSampler(seed=seed)
            case other:
                raise ApiError("ValidationException", f"local AWS tunes by Bayesian or Random, not by {other}.")
        stops = config.get("TrainingJobEarlyStoppingType", "Off") == "Auto"
        self._space = _space(config.get("ParameterRanges", {}))
        self._failed = optuna.trial.TrialState.FAIL
        self._study = optuna.create_study(
            direction=config["HyperParameterTuningJobObjective"]["Type"].lower(),
            sampler=sampler,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=_STARTUP_JOBS, n_warmup_steps=_FIRST_JUDGED_EPOCH)
            if stops
            else optuna.pruners.NopPruner(),
        )

    def next(self) -> Any:
        """A trial, whose `params` are what to try."""
        return self._study.ask(self._space)

    def falls_behind(self, trial: Any, epoch: int, objective: float) -> bool:
        """Take the objective after an epoch (1, 2, …); whether it is worse than the median of the other trials."""
        trial.report(objective, epoch)
        return bool(trial.should_prune())

    def end(self, trial: Any, objective: float | None) -> None:
        """Take the trial's final objective; None when it has none to learn from."""
        if objective is None:
            self._study.tell(trial, state=self._failed)
        else:
            self._study.tell(trial, objective)


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
        raise ApiError("ValidationException", f"ParameterRanges: {entry['Name']}: {error}") from error
    if not space:
        raise ApiError("ValidationException", "ParameterRanges must hold a range to tune.")
    return space
