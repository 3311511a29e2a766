"""Base classes and checks of the settings' parts."""

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from aws.instances import Instance, check_exists
from settings.tags import EXAMPLE, FORM, read_tags

_NAME = r"^[a-z][a-z0-9]{1,%d}$"
STAGE = _NAME % 9
# A tuning job's name takes 32 characters, and ours ends in a digest's 12, two hyphens and up to 99 attempts.
_LONGEST_TUNED_PREFIX = 32 - len("-0123456789ab-99")


def _usable(name: str) -> str:
    return Instance.parse(name).name


def _x86(name: str) -> str:
    if Instance.parse(name).arm:
        raise ValueError(
            "an Arm instance: SageMaker has them for endpoints alone, and AWS's training image is built for x86-64; "
            "take an ml.m5 or ml.c5 one, or ml.g4dn with a GPU"
        )
    return name


def _of(shape: str) -> AfterValidator:
    return AfterValidator(lambda name: check_exists(name, shape))


# settings/endpoint.py compares an endpoint's with SageMaker's list, after saying what an endpoint needs
InstanceType = Annotated[str, AfterValidator(_usable)]
TrainingInstanceType = Annotated[str, AfterValidator(_x86), _of("TrainingInstanceType")]
NotebookInstanceType = Annotated[str, AfterValidator(_x86), _of("InstanceType")]


class Part(BaseModel, frozen=True):
    """No field has a default here: those of hyper-parameters stand in training/settings.py, all others in cdk.json."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_boolean_numbers(cls, value: object, info: ValidationInfo) -> object:
        yes_or_no = [name for name, field in cls.model_fields.items() if field.annotation is bool]
        if isinstance(value, bool) and info.field_name not in yes_or_no:
            raise ValueError(f"true and false are for {', '.join(yes_or_no)} only")
        return value


class Named(Part, frozen=True):
    """`app` and `stage`, the prefix of every name, and tags."""

    # No hyphen in either: no system's prefix (`<app>-<stage>-`) is then the start of another's.
    app: str = Field(
        pattern=_NAME % 15,
        description="first part of every name",
        json_schema_extra={"allowed": "2 to 16 lower-case letters and digits, a letter first"},
    )
    stage: str = Field(
        pattern=STAGE,
        description="second part of every name: dev, prod, a branch …",
        json_schema_extra={"allowed": "2 to 10 lower-case letters and digits, a letter first"},
    )
    tags: str = Field(
        description="further tags of all resources and jobs, by which costs are told apart",
        json_schema_extra={"allowed": f"{FORM}, such as {EXAMPLE}, or empty"},
    )

    @property
    def every_tag(self) -> dict[str, str]:
        """Tags of all resources and jobs: app, stage, and `tags`."""
        return {"app": self.app, "stage": self.stage, **read_tags(self.tags)}

    @field_validator("tags")
    @classmethod
    def _tags(cls, value: str) -> str:
        read_tags(value)
        return value

    @property
    def prefix(self) -> str:
        """Start of every name: `<app>-<stage>`."""
        return f"{self.app}-{self.stage}"


def at_least(other: str) -> Callable[[int, ValidationInfo], int]:
    """Check of a value that it is no less than the setting `other` (skipped where that one is itself wrong)."""

    def check(value: int, info: ValidationInfo) -> int:
        minimum = info.data.get(other)
        if minimum is not None and value < minimum:
            raise ValueError(f"must be {minimum} or more, the value of {other}")
        return value

    return check


def at_most(other: str) -> Callable[[int, ValidationInfo], int]:
    """Check of a value that it is no more than the setting `other` (skipped where that one is itself wrong or 0)."""

    def check(value: int, info: ValidationInfo) -> int:
        maximum = info.data.get(other)
        if maximum and value > maximum:
            raise ValueError(f"must be {maximum} or less, the value of {other}")
        return value

    return check


def short_enough_to_tune(what: str, info: ValidationInfo) -> None:
    """ValueError when the names of `what` would be too long with this app and stage."""
    prefix = f"{info.data.get('app', '')}-{info.data.get('stage', '')}"
    if len(prefix) > _LONGEST_TUNED_PREFIX:
        raise ValueError(
            f"{prefix} is too long for the names of {what}: "
            f"app and stage may have {_LONGEST_TUNED_PREFIX - 1} characters together"
        )
