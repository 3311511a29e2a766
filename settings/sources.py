"""The files that hold values of settings, and what a stage's file says and takes."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from training.errors import ReportedError
from training.settings import Recipe
from training.writing import replaced

ROOT = Path(__file__).resolve().parent.parent


class SettingsError(ReportedError):
    """The settings cannot be used. `problems` holds one sentence for each mistake, all mistakes at once."""


@dataclass(frozen=True)
class Sources:
    """Where settings are read from.

    Attributes:
        root: folder of cdk.json and cdk.context.json.
        home: folder of .cdk.json, the user's own context for all CDK apps.
        stages: folder of the stages' files; $SLIPWAY_STAGES names another one than the checkout's.
    """

    root: Path = ROOT
    home: Path = field(default_factory=lambda: Path(os.path.expanduser("~")))  # "~" for a user without one
    stages: Path = field(default_factory=lambda: Path(os.environ.get("SLIPWAY_STAGES") or ROOT / "stages"))

    def defaults(self) -> dict[str, Any]:
        """The settings of every stage: hyper-parameters as declared in training/, the others from cdk.json."""
        return asdict(Recipe()) | _section(self.root / "cdk.json", "settings")

    def declared_context(self) -> dict[str, Any]:
        """The context in cdk.json, which is for flags of the CDK."""
        return _section(self.root / "cdk.json", "context")

    def found_context(self) -> dict[str, Any]:
        """Context that the CDK CLI adds by itself, in its order: ~/.cdk.json's under cdk.context.json's."""
        return _section(self.home / ".cdk.json", "context") | read_object(self._cdk_context)

    def old_dataset(self) -> str | None:
        """The data set in cdk.context.json, where earlier versions kept it."""
        return read_object(self._cdk_context).get("dataset")

    def forget_old_dataset(self) -> None:
        """Take that data set out of cdk.context.json.

        Raises:
            OSError: the checkout is read-only, or the disk full.
        """
        kept = {name: value for name, value in read_object(self._cdk_context).items() if name != "dataset"}
        if kept:
            with replaced(self._cdk_context) as file:
                file.write((json.dumps(kept, indent=2) + "\n").encode())
        else:
            self._cdk_context.unlink()

    @property
    def _cdk_context(self) -> Path:
        return self.root / "cdk.context.json"

    def stage_file(self, stage: str) -> "StageFile":
        return StageFile(self.stages / f"{stage}.json", stage)


@dataclass(frozen=True)
class StageFile:
    """`stages/<stage>.json`: the settings of one stage that are not the defaults, to be committed."""

    path: Path
    stage: str

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT) if self.path.is_relative_to(ROOT) else self.path)

    def read(self) -> dict[str, Any]:
        """Its settings, `stage` among them; none when there is no file.

        Raises:
            SettingsError: the file is no JSON object, or is of another stage.
        """
        values = read_object(self.path, name=str(self))
        if values and values.get("stage") != self.stage:
            raise SettingsError(
                [f'{self} is not of stage {self.stage}: write "stage": "{self.stage}" into it, or rename it']
            )
        return values

    def changed(self, changes: Mapping[str, Any]) -> str | None:
        """Its text with `changes` over what it says; a setting that changes to None is taken out."""
        own = self.read()
        values = {name: value for name, value in {**own, **changes}.items() if value is not None}
        if values == own:
            return self.text()
        return json.dumps({"stage": self.stage, **values}, indent=2) + "\n"

    def text(self) -> str | None:
        """Its text; None when there is no file."""
        return self.path.read_text() if self.path.exists() else None

    def write(self, text: str | None) -> None:
        """Replace the file, whole or not at all; None deletes it.

        Raises:
            OSError: the checkout is read-only, or the disk full.
        """
        if text == self.text():
            return
        if text is None:
            self.path.unlink()
            return
        with replaced(self.path) as file:
            file.write(text.encode())


def read_object(path: Path, name: str = "") -> dict[str, Any]:
    """The JSON object in a file; empty when there is no file.

    Raises:
        SettingsError: the file holds something else.
    """
    try:
        values = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (ValueError, OSError) as error:
        raise SettingsError([f"{name or path} cannot be read as JSON ({error}): correct it, or delete it"]) from error
    if not isinstance(values, dict):
        raise SettingsError([f'{name or path} must be a JSON object, {{"name": value, …}}: correct it, or delete it'])
    return values


def _section(path: Path, key: str) -> dict[str, Any]:
    values = read_object(path).get(key, {})
    if not isinstance(values, dict):
        raise SettingsError([f"`{key}` in {path} must be a JSON object"])
    return values
