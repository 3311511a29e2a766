"""Every setting a user may change: its type, its range, and what is wrong with a given value.

The values come from CDK context: cdk.json holds each setting with its default, `-c name=value` overrides
one (as text). All mistakes are reported together, each with the setting, the value, what is allowed and how
to fix it.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from stacks import schedule_setting
from stacks.instances import Instance
from stacks.range_setting import range_field, read_range
from stacks.setting_text import sentence
from training.ranges import Between, Range

_HOST = r"[a-z0-9-]+(\.[a-z0-9-]+)+"
_NAME = r"^[a-z][a-z0-9]{1,%d}$"
# A tuning job's name takes 32 characters, and ours ends in a digest's 12, two hyphens and up to 99 attempts.
_LONGEST_TUNED_PREFIX = 32 - len("-0123456789ab-99")
_TUNABLE = ("learning_rate", "batch_size", "epochs", "trainable")
_YES_OR_NO = ("spot", "ec2_training", "notebook", "keep_data")
_CLI_KEYS = {"cli-telemetry", "acknowledged-issue-numbers"}  # the CDK CLI stores these in cdk.context.json

# The values that CloudWatch Logs takes.
LogRetentionDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]


class SettingsError(ValueError):
    """The settings cannot be used. `problems` holds one sentence for each mistake, all mistakes at once."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Settings(BaseModel):
    """One deployment of the system. No field has a default here: cdk.json is the only place that has them."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # No hyphen in either: no system's prefix (`<app>-<stage>-`) is then the start of another's.
    app: str = Field(
        pattern=_NAME % 15,
        description="first part of every name",
        json_schema_extra={"allowed": "2 to 16 lower-case letters and digits, a letter first"},
    )
    stage: str = Field(
        pattern=_NAME % 9,
        description="second part of every name: dev, prod, a branch …",
        json_schema_extra={"allowed": "2 to 10 lower-case letters and digits, a letter first"},
    )

    dataset: str = Field(
        pattern=r"^[0-9a-f]{64}$",
        description="digest printed by `python -m dataset upload FOLDER`",
        json_schema_extra={"allowed": "the 64 hex digits that `python -m dataset upload FOLDER` prints"},
    )
    architecture: Literal["resnet10", "resnet18", "resnet34", "resnet50"] = Field(description="network to fine-tune")
    image_size: int = Field(ge=32, le=512, description="side of the square the network sees, px")
    epochs: int = Field(ge=1, le=1000, description="passes over the training images")
    training_instance_type: str = Field(description="ML instance type of the training job")
    training_instance_count: int = Field(ge=1, le=20, description="instances that share one training job")
    batch_size: int = Field(ge=2, le=65536, description="images a step, over all instances together")
    learning_rate: float = Field(gt=0, le=1, description="step size of the optimizer")
    weights: str = Field(
        pattern=r"^([0-9a-f]{64})?$",
        description="digest printed by `make weights`; empty trains from scratch",
        json_schema_extra={"allowed": "the 64 hex digits that `make weights` prints, or empty"},
    )
    trainable: Literal["head", "last-stage", "all"] = Field(
        description="which layers learn; all but `all` need weights"
    )
    views: int = Field(ge=1, le=100, description="views of an image that a head learns from: itself, then moved ones")
    precision: Literal["auto", "fp32", "bf16", "int8"] = Field(
        description="arithmetic of a head's frozen layers; auto: bf16 where the CPU has it"
    )
    export_int8: Literal["auto", "never"] = Field(
        description="auto serves the int8 model where it costs at most 0.5 points of test accuracy"
    )
    compile: Literal["never", "always"] = Field(
        description="always compiles the network first: worth its minutes in long trainings on a GPU"
    )
    seed: int = Field(ge=0, le=2**31 - 1, description="seed of every random choice in training")
    max_unreadable: float = Field(ge=0, le=1, description="share of the images a training may leave out as unreadable")
    accuracy_floor: float = Field(ge=0, le=1, description="test accuracy under which a model is not deployed")
    training_volume_gib: int = Field(ge=1, le=16384, description="disk of each training instance, GiB")
    # The stack waits for the job at most 12 hours, CloudFormation's limit; the job has to end before that.
    training_max_hours: int = Field(ge=1, le=11, description="hours after which a training job is stopped")
    spot: bool = Field(description="train on spot instances: cheaper, and taken back at times")
    spot_max_wait_hours: int = Field(ge=1, le=11, description="hours a spot training may take, waiting included")

    ec2_training: bool = Field(description="also train on one EC2 instance, as its own stack")
    ec2_instance_type: Literal["t2.micro", "t3.micro"] = Field(description="instance type of that EC2 instance")
    # Unlimited credits are billed beyond the instance's price when a training outlasts what it has saved up.
    ec2_credits: Literal["standard", "unlimited"] = Field(
        description="CPU beyond the saved-up credits: standard slows down, unlimited costs more"
    )
    # The image takes 8 GiB; torch, the images and 2 GiB of swap come on top.
    ec2_volume_gib: int = Field(ge=12, le=1024, description="disk of that EC2 instance, GiB")

    tuning_learning_rate: str = range_field("learning_rate", "0.001..0.1")
    tuning_batch_size: str = range_field("batch_size", "32|64|128")
    tuning_epochs: str = range_field("epochs", "5..20")
    tuning_trainable: str = range_field("trainable", "head|all")
    tuning_max_jobs: int = Field(ge=0, le=750, description="training jobs that tuning runs; 0: no tuning")
    tuning_parallel_jobs: int = Field(ge=1, le=100, description="training jobs that tuning runs at a time")
    tuning_strategy: Literal["Bayesian", "Random"] = Field(description="how tuning chooses what to try next")
    tuning_early_stopping: Literal["Off", "Auto"] = Field(description="whether tuning stops jobs that fall behind")

    endpoint_instance_type: str = Field(description="ML instance type of the endpoint")
    endpoint_min_instances: int = Field(ge=1, le=100, description="instances the endpoint never goes under")
    endpoint_max_instances: int = Field(ge=1, le=100, description="instances the endpoint never goes over")
    endpoint_scaling_metric: Literal["concurrency", "invocations"] = Field(
        description="load that instances follow: requests in flight, or invocations a minute"
    )
    endpoint_target_concurrency: float = Field(ge=0.5, le=1000, description="requests in flight an instance to aim at")
    endpoint_target_invocations: float = Field(
        ge=1, le=1_000_000, description="invocations a minute an instance to aim at; `make load` measures it"
    )
    endpoint_scale_in_seconds: int = Field(ge=0, le=3600, description="seconds between two removals of instances")
    endpoint_scale_out_seconds: int = Field(ge=0, le=3600, description="seconds between two additions of instances")
    endpoint_schedule: str = Field(
        description="when the endpoint's limits change, such as `cron(0 8 ? * MON-FRI *)=2..6`; empty: never",
        json_schema_extra={"allowed": f"{schedule_setting.FORM}, or empty"},
    )
    endpoint_schedule_timezone: str = Field(
        description="time zone of that schedule",
        json_schema_extra={"allowed": "a time zone such as UTC or Europe/Zurich"},
    )
    endpoint_shift: Literal["auto", "canary", "linear", "all-at-once"] = Field(
        description="how calls move to a new model; auto: as a canary where there are always two instances or more"
    )
    # SageMaker's limits for a linear step; a canary may be smaller, but then sees too few calls to tell anything.
    endpoint_shift_percent: int = Field(ge=10, le=50, description="share of the calls that a canary or step moves, %")
    # An alarm needs its minute of data and CloudWatch a minute or two to have it; ten steps have to fit into 8 hours.
    endpoint_bake_seconds: int = Field(
        ge=180, le=2400, description="seconds that alarms watch a new model in each step"
    )
    endpoint_rollback_error_percent: float = Field(
        gt=0, le=50, description="share of a new model's calls that may fail (5XX), %; more, and the old one is back"
    )
    endpoint_rollback_p99_ms: int = Field(
        ge=0, le=60000, description="p99 latency over which the old model is back, ms; 0 does not look at it"
    )
    endpoint_data_capture_percent: int = Field(
        ge=0, le=100, description="share of the calls kept under capture/, image and answer, %; 0 keeps none"
    )

    lambda_memory_mb: int = Field(ge=128, le=10240, description="memory of the classify function, MB")
    lambda_provisioned_concurrency: int = Field(ge=0, le=1000, description="instances kept warm; 0 keeps none")
    lambda_max_provisioned_concurrency: int = Field(ge=1, le=1000, description="most instances kept warm under load")
    lambda_target_utilization: float = Field(ge=0.1, le=0.9, description="share of the warm instances to keep busy")
    lambda_reserved_concurrency: int = Field(ge=0, le=1000, description="most calls at a time; 0 reserves nothing")
    lambda_timeout: int = Field(ge=6, le=120, description="seconds a call may take, its one retry included")
    # base64 makes 4 bytes of 3, and a synchronous Lambda request ends at 6 MB.
    max_image_mb: int = Field(ge=1, le=4, description="largest image accepted, MiB")
    url_hosts: str = Field(
        pattern=rf"^(\*|(\*\.)?{_HOST}(\|(\*\.)?{_HOST})*)?$",
        description="hosts whose images are fetched by URL: `*` is every public one; empty: none",
        json_schema_extra={"allowed": "host names in small letters, as img.example.com|*.example.org, or * or empty"},
    )
    s3_images: str = Field(
        pattern=r"^([a-z0-9][a-z0-9-]*/)*$",
        description="folder of the bucket whose images are classified by S3 address; empty: none",
        json_schema_extra={"allowed": "a folder of small letters, digits and hyphens that ends in /, or empty"},
    )

    alarm_email: str = Field(
        pattern=r"^([^@\s]+@[^@\s]+\.[^@\s]+)?$",
        description="address that hears of alarms; empty: nobody does",
        json_schema_extra={"allowed": "an e-mail address, or empty"},
    )
    monthly_budget_usd: int = Field(
        ge=0, le=1_000_000, description="monthly costs of the account to be told of, $; 0: none"
    )
    notebook: bool = Field(description="a notebook instance beside the system; it costs money while it runs")
    notebook_instance_type: str = Field(description="ML instance type of the notebook, which only starts jobs")
    notebook_idle_minutes: int = Field(
        ge=10, le=1440, description="minutes without work in any notebook until the instance stops itself"
    )
    log_retention_days: LogRetentionDays = Field(description="days that logs are kept")
    keep_data: bool = Field(description="keep bucket and key when the stack is deleted")
    container_account: str = Field(
        pattern=r"^[0-9]{12}$",
        description="account of AWS's container images in the region",
        json_schema_extra={"allowed": "12 digits"},
    )

    @property
    def prefix(self) -> str:
        """Start of every name: `<app>-<stage>`."""
        return f"{self.app}-{self.stage}"

    @property
    def training_instance(self) -> Instance:
        return Instance.parse(self.training_instance_type)

    @property
    def endpoint_instance(self) -> Instance:
        return Instance.parse(self.endpoint_instance_type)

    @property
    def shift(self) -> Literal["canary", "linear", "all-at-once"]:
        """`endpoint_shift` without `auto`."""
        if self.endpoint_shift != "auto":
            return self.endpoint_shift
        return "canary" if _least_instances(dict(self)) > 1 else "all-at-once"

    @property
    def scheduled_limits(self) -> tuple[schedule_setting.Limits, ...]:
        """When the endpoint's limits change, and to what."""
        return schedule_setting.read_schedule(self.endpoint_schedule)

    @property
    def hyperparameters(self) -> dict[str, str]:
        """What the training program reads, all text; the same names are its flags on a laptop."""
        return {
            name.replace("_", "-"): str(getattr(self, name))
            for name in (
                "architecture",
                "image_size",
                "epochs",
                "batch_size",
                "learning_rate",
                "trainable",
                "seed",
                "max_unreadable",
                "views",
                "precision",
                "export_int8",
                "compile",
            )
        } | ({"weights-sha256": self.weights} if self.weights else {})

    @property
    def ranges(self) -> dict[str, Range]:
        """What tuning tries, by hyper-parameter; empty when nothing is tuned."""
        texts = {name: getattr(self, f"tuning_{name}") for name in _TUNABLE if self.tuning_max_jobs}
        return {
            name.replace("_", "-"): read_range(text, Settings.model_fields[name])
            for name, text in texts.items()
            if text
        }

    @property
    def model_ingredients(self) -> dict[str, str]:
        """Of the settings, what decides the model: hyper-parameters; where they are tuned, how."""
        if not self.tuning_max_jobs:
            return self.hyperparameters
        ranges = {name: getattr(self, f"tuning_{name.replace('-', '_')}") for name in self.ranges}
        how = ("tuning_max_jobs", "tuning_strategy", "tuning_early_stopping")
        return self.hyperparameters | ranges | {name: str(getattr(self, name)) for name in how}

    @field_validator("*", mode="before")
    @classmethod
    def _no_boolean_numbers(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, bool) and info.field_name not in _YES_OR_NO:
            raise ValueError(f"true and false are for {' and '.join(_YES_OR_NO)} only")
        return value

    @field_validator("log_retention_days", mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        """Values of `-c` are text, and a choice among numbers is not converted by itself."""
        return int(value) if isinstance(value, str) and value.isdecimal() else value

    @field_validator("training_instance_type", "endpoint_instance_type", "notebook_instance_type")
    @classmethod
    def _usable_instance(cls, value: str, info: ValidationInfo) -> str:
        if Instance.parse(value).burstable and info.field_name == "endpoint_instance_type":
            raise ValueError("SageMaker does not auto-scale burstable instances; take ml.m5.large or ml.c5.large")
        return value

    @field_validator("batch_size")
    @classmethod
    def _one_image_an_instance(cls, value: int, info: ValidationInfo) -> int:
        return _at_least(value, "training_instance_count", info)

    @field_validator(*(f"tuning_{name}" for name in _TUNABLE))
    @classmethod
    def _range(cls, value: str, info: ValidationInfo) -> str:
        name = str(info.field_name).removeprefix("tuning_")
        if value:
            range_ = read_range(value, Settings.model_fields[name])
            if name == "batch_size":
                least = range_.low if isinstance(range_, Between) else min(map(int, range_.values))
                _at_least(int(least), "training_instance_count", info)
        return value

    @field_validator("trainable", "tuning_trainable")
    @classmethod
    def _frozen_layers_need_weights(cls, value: str, info: ValidationInfo) -> str:
        frozen = [layers for layers in value.split("|") if layers not in ("", "all")]
        if frozen and info.data.get("weights") == "":
            raise ValueError(f"{frozen[0]} freezes layers, which takes pretrained weights: set weights (make weights)")
        return value

    @field_validator("tuning_max_jobs")
    @classmethod
    def _tunable(cls, value: int, info: ValidationInfo) -> int:
        if value and info.data.get("spot"):
            raise ValueError("excludes spot: the tuning job's trainings would share one checkpoint")
        names = [f"tuning_{name}" for name in _TUNABLE]
        if value and not any(info.data.get(name, "wrong") for name in names):
            raise ValueError(f"there is nothing to tune: set one or more of {', '.join(names)}")
        prefix = f"{info.data.get('app', '')}-{info.data.get('stage', '')}"
        if value and len(prefix) > _LONGEST_TUNED_PREFIX:
            raise ValueError(
                f"{prefix} is too long for the names of tuning jobs: "
                f"app and stage may have {_LONGEST_TUNED_PREFIX - 1} characters together"
            )
        return value

    @field_validator("notebook")
    @classmethod
    def _can_tune(cls, value: bool, info: ValidationInfo) -> bool:
        prefix = f"{info.data.get('app', '')}-{info.data.get('stage', '')}"
        if value and len(prefix) > _LONGEST_TUNED_PREFIX:
            raise ValueError(
                f"{prefix} is too long for the names of the notebook's tuning jobs: "
                f"app and stage may have {_LONGEST_TUNED_PREFIX - 1} characters together"
            )
        return value

    @field_validator("tuning_parallel_jobs")
    @classmethod
    def _no_more_than_all(cls, value: int, info: ValidationInfo) -> int:
        most = info.data.get("tuning_max_jobs")
        if most and value > most:
            raise ValueError(f"must be {most} or less, the value of tuning_max_jobs")
        return value

    @field_validator("spot_max_wait_hours")
    @classmethod
    def _wait_includes_the_run(cls, value: int, info: ValidationInfo) -> int:
        return _at_least(value, "training_max_hours", info) if info.data.get("spot") else value

    @field_validator("endpoint_max_instances")
    @classmethod
    def _max_above_min(cls, value: int, info: ValidationInfo) -> int:
        return _at_least(value, "endpoint_min_instances", info)

    @field_validator("endpoint_schedule")
    @classmethod
    def _schedule(cls, value: str) -> str:
        schedule_setting.read_schedule(value)
        return value

    @field_validator("endpoint_schedule_timezone")
    @classmethod
    def _time_zone(cls, value: str) -> str:
        return schedule_setting.check_time_zone(value)

    @field_validator("endpoint_shift")
    @classmethod
    def _instances_to_share(cls, value: str, info: ValidationInfo) -> str:
        # SageMaker shifts whole instances, at most half of them in the first step; of one there is no half. What
        # counts is the number at the time of the deploy, and auto-scaling may have gone down to the least.
        if value in ("canary", "linear") and _least_instances(info.data) == 1:
            raise ValueError(
                f"a {value} shift takes at least two instances at all times: set endpoint_min_instances "
                "(and the least of endpoint_schedule) to 2, or take all-at-once"
            )
        return value

    @field_validator("lambda_max_provisioned_concurrency")
    @classmethod
    def _max_provisioned_above_min(cls, value: int, info: ValidationInfo) -> int:
        return _at_least(value, "lambda_provisioned_concurrency", info)

    @field_validator("lambda_reserved_concurrency")
    @classmethod
    def _provisioned_within_reserved(cls, value: int, info: ValidationInfo) -> int:
        if value and info.data.get("lambda_provisioned_concurrency"):
            return _at_least(value, "lambda_max_provisioned_concurrency", info)
        return value


def _least_instances(settings: Mapping[str, Any]) -> int:
    """How far the endpoint may be scaled in at any time; 0 where what says so is itself wrong."""
    scheduled = [limits.minimum for limits in schedule_setting.read_schedule(settings.get("endpoint_schedule", ""))]
    return min([settings.get("endpoint_min_instances", 0), *scheduled])


def _at_least(value: int, other: str, info: ValidationInfo) -> int:
    """`value` when it is no less than the setting `other` (skipped where that one is itself wrong)."""
    least = info.data.get(other)
    if least is not None and value < least:
        raise ValueError(f"must be {least} or more, the value of {other}")
    return value


def read_settings(context: Mapping[str, Any]) -> Settings:
    """The settings among the keys of CDK `context`; SettingsError with all mistakes at once."""
    given = {key: value for key, value in context.items() if _is_setting(key)}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise SettingsError([sentence(problem, Settings.model_fields) for problem in error.errors()]) from error


def _is_setting(key: str) -> bool:
    """Whether a context key is the user's: CDK's own hold a colon or a slash (`aws:cdk:…`, `@aws-cdk/…`)."""
    return ":" not in key and "/" not in key and key not in _CLI_KEYS
