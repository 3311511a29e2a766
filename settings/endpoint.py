"""The endpoint: its instances, when there are more of them, and how a new model takes over."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from aws.containers import PUSHED_FORM, PushedImage
from aws.instances import Instance, check_exists
from settings import schedule
from settings.part import InstanceType, Part, at_least

# A process of the server refuses what is over 64 in flight (serving/admission.py), and an instance with up to seven
# cores has one: a load stays there, however large it is. A target at that bound is never passed, and nothing scales
# out; under three quarters of it there is something to pass. A slow model's bound is lower, since nothing may wait for
# over a second; `make load` and `make capacity` know it.
MAX_CONCURRENCY = 48


class Endpoint(Part, frozen=True):
    endpoint: Literal["on", "off"] = Field(
        description="off: model and function stay, no instance runs, and callers get 503; `make sleep`, `make wake`"
    )
    endpoint_instance_type: InstanceType = Field(
        description="ML instance type of the endpoint, one without a GPU; Graviton, such as ml.c7g.large, too"
    )
    serving_image: str = Field(
        description="image of the endpoint, pushed to ECR before; empty: the deploy builds and pushes that of serving/",
        json_schema_extra={"allowed": f"{PUSHED_FORM}, or empty"},
    )
    endpoint_min_instances: int = Field(
        ge=1, le=schedule.MAX_INSTANCES, description="instances the endpoint never goes under"
    )
    endpoint_max_instances: int = Field(
        ge=1, le=schedule.MAX_INSTANCES, description="instances the endpoint never goes over"
    )
    endpoint_scaling_metric: Literal["concurrency", "invocations"] = Field(
        description="load that instances follow: requests in flight, or invocations a minute"
    )
    endpoint_target_concurrency: float = Field(
        ge=0.5,
        le=MAX_CONCURRENCY,
        description="requests in flight an instance to aim at; each process of the server, one for every four cores, "
        "refuses over 64, or a second's",
    )
    endpoint_target_invocations: float = Field(
        ge=1, le=1_000_000, description="invocations a minute an instance to aim at; `make load` measures it"
    )
    endpoint_scale_in_seconds: int = Field(ge=0, le=3600, description="seconds between two removals of instances")
    endpoint_scale_out_seconds: int = Field(ge=0, le=3600, description="seconds between two additions of instances")
    endpoint_schedule: str = Field(
        description="when the endpoint's limits change, such as `cron(0 8 ? * MON-FRI *)=2..6`; empty: never",
        json_schema_extra={"allowed": f"{schedule.FORM}, or empty"},
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

    @property
    def endpoint_instance(self) -> Instance:
        return Instance.parse(self.endpoint_instance_type)

    @property
    def pushed_image(self) -> PushedImage | None:
        """`serving_image`; None where the deploy builds the image."""
        return PushedImage.parse(self.serving_image) if self.serving_image else None

    @property
    def shift(self) -> Literal["canary", "linear", "all-at-once"]:
        """`endpoint_shift` without `auto`."""
        if self.endpoint_shift != "auto":
            return self.endpoint_shift
        return "canary" if _min_instances(dict(self)) > 1 else "all-at-once"

    @property
    def scheduled_limits(self) -> tuple[schedule.Limits, ...]:
        """When the endpoint's limits change, and to what."""
        return schedule.read_schedule(self.endpoint_schedule)

    @property
    def max_instances(self) -> int:
        """Maximum number of instances of the endpoint at any time, its schedule included."""
        return max([self.endpoint_max_instances, *(limits.maximum for limits in self.scheduled_limits)])

    @field_validator("endpoint_instance_type")
    @classmethod
    def _scales_and_is_used(cls, value: str) -> str:
        instance = Instance.parse(value)
        if instance.burstable:
            raise ValueError(
                "SageMaker does not auto-scale burstable instances; take ml.m5.large, ml.c5.large or ml.c7g.large"
            )
        if instance.gpu:
            raise ValueError(
                "a model is served on the CPU, by ONNX Runtime, and the GPU would be paid for nothing; "
                "take an ml.c5, ml.m5 or ml.c7g one, such as ml.c5.xlarge"
            )
        return check_exists(value, "ProductionVariantInstanceType")

    @field_validator("serving_image")
    @classmethod
    def _by_digest(cls, value: str) -> str:
        if value:
            PushedImage.parse(value)
        return value

    _max_above_min = field_validator("endpoint_max_instances")(at_least("endpoint_min_instances"))
    _time_zone = field_validator("endpoint_schedule_timezone")(schedule.check_time_zone)

    @field_validator("endpoint_schedule")
    @classmethod
    def _schedule(cls, value: str) -> str:
        schedule.read_schedule(value)
        return value

    @field_validator("endpoint_shift")
    @classmethod
    def _instances_to_share(cls, value: str, info: ValidationInfo) -> str:
        # SageMaker shifts whole instances, at most half of them in the first step; of one there is no half. What
        # counts is the number at the time of the deploy, and auto-scaling may have gone down to the least.
        if value in ("canary", "linear") and _min_instances(info.data) == 1:
            raise ValueError(
                f"a {value} shift takes at least two instances at all times: set endpoint_min_instances "
                "(and each minimum in endpoint_schedule) to 2, or take all-at-once"
            )
        return value


def _min_instances(settings: Mapping[str, Any]) -> int:
    """Smallest number of instances at any time of the schedule; 0 where a setting that decides it is wrong itself."""
    scheduled = [limits.minimum for limits in schedule.read_schedule(settings.get("endpoint_schedule", ""))]
    return min([settings.get("endpoint_min_instances", 0), *scheduled])
