"""The one way to read the settings of a deployment, for the app and for every tool."""

import contextlib
import re
import sys
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from settings.account import AccountSettings
from settings.ec2 import Ec2
from settings.endpoint import Endpoint
from settings.http_front import HttpFrontSettings
from settings.network import NetworkSettings
from settings.operations import OperationsSettings
from settings.part import STAGE
from settings.sources import SettingsError, Sources, StageFile
from settings.text import may_be_empty, misspelt, sentence
from settings.tuning import Tuning


class Settings(
    AccountSettings, NetworkSettings, OperationsSettings, HttpFrontSettings, Endpoint, Ec2, Tuning, frozen=True
):
    """One deployment of the system."""


def read_settings(given: Mapping[str, Any] | None = None, sources: Sources | None = None) -> Settings:
    """Read the settings: cdk.json's `settings`, over them the stage's file, over both what is `given`.

    Args:
        given: what `-c name=value` says, or the whole context that the CDK CLI hands to the app. There `-c` is merged
            with cdk.json, cdk.context.json and ~/.cdk.json, in this order ("Context values and the AWS CDK", CDK
            developer guide): a setting in one of these counts as given. Empty text stands for the default, unless
            the setting may be empty.
        sources: the files to read; those of the checkout unless told otherwise.

    Raises:
        SettingsError: with all mistakes at once. Names in ~/.cdk.json and cdk.context.json that are no settings are
            other apps' and the CLI's, and are left alone.
    """
    sources = sources or Sources()
    defaults, found = sources.defaults(), sources.found_context()
    context = {name: value for name, value in {**found, **(given or {})}.items() if _is_ours(name, found)}
    problems = [_misplaced(name) for name in sources.declared_context() if not _is_cdks(name)]
    own: dict[str, Any] = {}
    stage = str(context.get("stage") or defaults.get("stage", ""))
    if re.fullmatch(STAGE, stage):
        file = sources.stage_file(stage)
        try:
            own = file.read()
            old = sources.old_dataset()
            if old is not None and context.get("dataset") == old:
                del context["dataset"]
                own = {"dataset": old, **own}
                _move_dataset(sources, file)
        except SettingsError as error:
            problems += error.problems
    for name, value in context.items():
        must_be_there = name in Settings.model_fields and not may_be_empty(Settings.model_fields[name])
        own[name] = defaults.get(name, "") if value == "" and must_be_there else value
    try:
        settings = Settings.model_validate({**defaults, **own})
    except ValidationError as error:
        said = [sentence(problem, Settings.model_fields, stage) for problem in error.errors()]
        raise SettingsError(problems + [line for line in said if line not in problems]) from error
    if problems:
        raise SettingsError(problems)
    return settings


def _is_cdks(name: str) -> bool:
    """True for the CDK's own names in the context: they hold a colon or a slash (`aws:cdk:…`, `@aws-cdk/…`)."""
    return ":" in name or "/" in name


def _is_ours(name: str, found: Mapping[str, Any]) -> bool:
    return name in Settings.model_fields or not (_is_cdks(name) or name in found)


def _misplaced(name: str) -> str:
    if name in Settings.model_fields:
        return f"{name} stands under `context` in cdk.json: move it to `settings`"
    return misspelt(name, Settings.model_fields)


def _move_dataset(sources: Sources, file: StageFile) -> None:
    """Move the data set that earlier versions kept in cdk.context.json to the stage's file, if that can be written."""
    if sources.stages != sources.root / "stages":
        return
    with contextlib.suppress(OSError):
        file.write(file.changed({"dataset": sources.old_dataset(), **file.read()}))
        sources.forget_old_dataset()
        print(f"note: the data set in cdk.context.json moved to {file}: commit that file", file=sys.stderr)
