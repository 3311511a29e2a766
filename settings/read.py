"""All settings of one deployment, and how they are read from CDK's context."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from settings.ec2 import Ec2
from settings.endpoint import Endpoint
from settings.function import Function
from settings.operations import Operations
from settings.text import sentence
from settings.tuning import Tuning
from training.errors import ReportedError

_CLI_KEYS = {"cli-telemetry", "acknowledged-issue-numbers"}  # the CDK CLI stores these in cdk.context.json


class SettingsError(ReportedError):
    """The settings cannot be used. `problems` holds one sentence for each mistake, all mistakes at once."""


class Settings(Operations, Function, Endpoint, Ec2, Tuning):
    """One deployment of the system."""


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
