"""The synthesized app as tools see it."""

import atexit
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from settings import read_settings
from settings.names import StackSuffix
from tools import cdk


@dataclass(frozen=True)
class Assembly:
    """A synthesized app: what is deployed is exactly what was synthesized."""

    folder: Path
    stacks: list[str]

    def stack(self, suffix: StackSuffix) -> str:
        """The stack whose name ends with `-<suffix>`."""
        [name] = [name for name in self.stacks if name.endswith(f"-{suffix}")]
        return name

    def template(self, suffix: StackSuffix) -> dict[str, Any]:
        """That stack's template."""
        template: dict[str, Any] = json.loads((self.folder / f"{self.stack(suffix)}.template.json").read_text())
        return template

    @property
    def prefix(self) -> str:
        """`<app>-<stage>-`: what all names of this deployment begin with."""
        return self.stack("storage").removesuffix("storage")


def synthesize(context: Mapping[str, str]) -> Assembly:
    """`cdk synth` with these settings over cdk.json's and the stage's; what it writes goes when this process ends.

    Raises:
        SettingsError: with all mistakes.
        cdk.CdkFailed: with what the app says.
    """
    read_settings(context)
    folder = Path(tempfile.mkdtemp(prefix="slipway-cdk-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    cdk.run("synth", "--quiet", "--output", str(folder), context=context, on_line=lambda _: None)
    manifest = json.loads((folder / "manifest.json").read_text())["artifacts"]
    return Assembly(folder, [name for name, part in manifest.items() if part["type"] == "aws:cloudformation:stack"])
