"""Synthesizes the app for the tools."""

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from iam.template import load
from settings import read_settings
from settings.names import StackSuffix
from tools import cdk

_PREFIX = "slipway-cdk-"


@dataclass(frozen=True)
class SynthesizedApp:
    """The folder that the app wrote, and the names of its stacks. A deploy takes it as it is."""

    folder: Path
    stacks: list[str]

    def stack(self, suffix: StackSuffix) -> str:
        """Name of the stack that ends with `-<suffix>`."""
        [name] = [name for name in self.stacks if name.endswith(f"-{suffix}")]
        return name

    def template(self, suffix: StackSuffix) -> dict[str, Any]:
        """Template of the stack that ends with `-<suffix>`."""
        template: dict[str, Any] = json.loads((self.folder / f"{self.stack(suffix)}.template.json").read_text())
        return template

    @property
    def bootstrap(self) -> tuple[str, int]:
        """Qualifier of the CDK's bootstrap that the stacks use, and the version that they need."""
        manifest = json.loads((self.folder / "manifest.json").read_text())
        needs = [it["properties"] for it in manifest["artifacts"].values() if it["type"] == "aws:cloudformation:stack"]
        [parameter] = {need["bootstrapStackVersionSsmParameter"] for need in needs}
        return parameter.split("/")[2], max(need["requiresBootstrapStackVersion"] for need in needs)

    @property
    def prefix(self) -> str:
        """`<app>-<stage>`, with which every name in this deployment begins (`Settings.prefix`)."""
        return self.stack("storage").removesuffix("-storage")


def synthesize(context: Mapping[str, str]) -> SynthesizedApp:
    """Synthesize with these settings over cdk.json's and the stage's, in a folder removed when this process ends.

    Raises:
        SettingsError: with all mistakes.
        cdk.CdkFailed: with the reasons that the app gives.
    """
    read_settings(context)
    _remove_left_over()
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    cdk.synthesize(folder, context)
    return SynthesizedApp(folder, list(load(folder)))


def _remove_left_over() -> None:
    """Remove the folders of processes that were killed, 55 MB each."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if not (pid.isdecimal() and psutil.pid_exists(int(pid))):
            shutil.rmtree(folder, ignore_errors=True)
