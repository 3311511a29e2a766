"""Alarm e-mail, budget, retention and notebook settings."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from settings.part import Named, NotebookInstanceType, short_enough_to_tune

# The values that CloudWatch Logs takes.
LogRetentionDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]


class OperationsSettings(Named, frozen=True):
    alarm_email: str = Field(
        pattern=r"^([^@\s]+@[^@\s]+\.[^@\s]+)?$",
        description="address that receives alarm e-mails; empty: nobody does",
        json_schema_extra={"allowed": "an e-mail address, or empty"},
    )
    monthly_budget_usd: int = Field(
        ge=0,
        le=1_000_000,
        description="monthly budget of the whole account, $: it notifies above 80 and 100 %, and at a forecast above "
        "100 %; 0: no budget",
    )
    notebook: bool = Field(description="a notebook instance beside the system; it costs money while it runs")
    notebook_instance_type: NotebookInstanceType = Field(
        description="ML instance type of the notebook, which only starts jobs"
    )
    notebook_idle_minutes: int = Field(
        ge=10, le=1440, description="minutes without work in any notebook until the instance stops itself"
    )
    log_retention_days: LogRetentionDays = Field(description="days that logs are kept")
    keep_data: bool = Field(description="keep bucket and key when the stack is deleted")
    container_account: str = Field(
        pattern=r"^([0-9]{12})?$",
        description="account of AWS's training images; empty: the one that AWS has in the region",
        json_schema_extra={"allowed": "12 digits, or empty"},
    )

    @field_validator("log_retention_days", mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        """Values of `-c` are text, and a choice among numbers is not converted by itself."""
        return int(value) if isinstance(value, str) and value.isdecimal() else value

    @field_validator("notebook")
    @classmethod
    def _can_tune(cls, value: bool, info: ValidationInfo) -> bool:
        if value:
            short_enough_to_tune("the notebook's tuning jobs", info)
        return value
