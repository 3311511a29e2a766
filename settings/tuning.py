"""Settings of tuning: ranges, number of jobs, strategy."""

from pydantic import Field, ValidationInfo, field_validator

from settings.part import at_least, at_most, short_enough_to_tune
from settings.ranges import RangeText, range_field, read_range
from settings.training import Training, frozen_layers_need_weights
from training.networks import check_trainable
from training.ranges import Between, Range
from training.settings import Recipe, cannot_augment, declared
from training.tuning import MAX_TRIALS, EarlyStopping, Strategy


class Tuning(Training, frozen=True):
    tuning_learning_rate: RangeText = range_field("learning_rate", "0.001..0.1")
    tuning_batch_size: RangeText = range_field("batch_size", "32|64|128")
    tuning_epochs: RangeText = range_field("epochs", "5..20")
    tuning_trainable: RangeText = range_field("trainable", "head|all")
    tuning_max_jobs: int = Field(ge=0, le=MAX_TRIALS, description="training jobs that tuning runs; 0: no tuning")
    tuning_parallel_jobs: int = Field(ge=1, le=100, description="training jobs that tuning runs at a time")
    tuning_strategy: Strategy = Field(description="how tuning chooses what to try next")
    tuning_early_stopping: EarlyStopping = Field(description="whether tuning stops jobs that fall behind")

    @property
    def ranges(self) -> dict[str, Range]:
        """Range of each tuned hyper-parameter, by name; empty when nothing is tuned."""
        texts = {name: getattr(self, f"tuning_{name}") for name in self._tunable() if self.tuning_max_jobs}
        return {name.replace("_", "-"): read_range(text, name) for name, text in texts.items() if text}

    @property
    def model_ingredients(self) -> dict[str, str]:
        """Settings that determine the trained model: hyper-parameters, and with tuning its ranges and strategy."""
        if not self.tuning_max_jobs:
            return self.hyperparameters
        ranges = {name: getattr(self, f"tuning_{name.replace('-', '_')}") for name in self.ranges}
        how = ("tuning_max_jobs", "tuning_strategy", "tuning_early_stopping")
        return self.hyperparameters | ranges | {name: str(getattr(self, name)) for name in how}

    @classmethod
    def _tunable(cls) -> list[str]:
        """Hyper-parameters that have a range among the settings."""
        named = [name.removeprefix("tuning_") for name in cls.model_fields if name.startswith("tuning_")]
        return [name for name in named if name in declared(Recipe)]

    @field_validator("tuning_batch_size")
    @classmethod
    def _a_batch_for_each_instance(cls, value: str, info: ValidationInfo) -> str:
        if value:
            range_ = read_range(value, "batch_size")
            least = range_.low if isinstance(range_, Between) else min(map(int, range_.values))
            at_least("training_instance_count")(int(least), info)
        return value

    @field_validator("tuning_trainable")
    @classmethod
    def _weights_there_to_tune(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("weights") == "":
            frozen_layers_need_weights(value)
        if problem := cannot_augment(info.data.get("augment", ""), value):
            raise ValueError(problem)
        for layers in filter(None, value.split("|")):
            check_trainable(info.data.get("architecture", ""), layers)
        return value

    @field_validator("tuning_max_jobs")
    @classmethod
    def _something_to_tune(cls, value: int, info: ValidationInfo) -> int:
        if value and info.data.get("spot"):
            raise ValueError("excludes spot: the tuning job's trainings would share one checkpoint")
        names = [f"tuning_{name}" for name in cls._tunable()]
        if value and not any(info.data.get(name, "wrong") for name in names):
            raise ValueError(f"there is nothing to tune: set one or more of {', '.join(names)}")
        if value:
            short_enough_to_tune("tuning jobs", info)
        return value

    _no_more_than_all = field_validator("tuning_parallel_jobs")(at_most("tuning_max_jobs"))
