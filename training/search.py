"""Search for hyper-parameters with Optuna: values of the next trial, and trials to stop early.

`training.tune` and the local AWS's tuning jobs use it.
"""

import warnings
from collections.abc import Mapping
from typing import Any

_STARTUP_TRIALS = 3  # at random, before there is anything to learn from or to compare with
_FIRST_JUDGED_EPOCH = 2


class Search:
    """Optuna's TPE sampler (Bayesian) or its random one (Random); not thread-safe.

    Raises:
        ImportError: Optuna is missing.
    """

    def __init__(
        self,
        space: Mapping[str, Any],
        *,
        strategy: str,
        seed: int | None,
        early_stopping: bool,
        direction: str = "maximize",
        keep_apart: bool = False,
    ) -> None:
        """Prepare a search of `space`.

        Args:
            space: Optuna's distributions, by hyper-parameter.
            strategy: a `Strategy`.
            direction: maximize or minimize the objective.
            keep_apart: True keeps simultaneous trials from trying the same values (TPE's constant liar).
        """
        import optuna  # takes a second

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # the liar's
            sampler: Any = (
                optuna.samplers.TPESampler(seed=seed, n_startup_trials=_STARTUP_TRIALS, constant_liar=keep_apart)
                if strategy == "Bayesian"
                else optuna.samplers.RandomSampler(seed=seed)
            )
        pruner: Any = (
            optuna.pruners.MedianPruner(n_startup_trials=_STARTUP_TRIALS, n_warmup_steps=_FIRST_JUDGED_EPOCH)
            if early_stopping
            else optuna.pruners.NopPruner()
        )
        self._space, self._failed = dict(space), optuna.trial.TrialState.FAIL
        self._study = optuna.create_study(direction=direction, sampler=sampler, pruner=pruner)

    def next(self) -> Any:
        """The next trial; its `params` are the values to try."""
        return self._study.ask(self._space)

    def falls_behind(self, trial: Any, epoch: int, objective: float) -> bool:
        """Records the objective after an epoch (1, 2, …); True if it is worse than the median of the other trials."""
        trial.report(objective, epoch)
        return bool(trial.should_prune())

    def end(self, trial: Any, objective: float | None) -> None:
        """Records the trial's final objective; None if it has none."""
        if objective is None:
            self._study.tell(trial, state=self._failed)
        else:
            self._study.tell(trial, objective)
