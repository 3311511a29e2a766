"""`make demo` leaves the checkout as git knows it, and deploys with the settings that it is given."""

import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tools.demo import __main__ as demo

ROOT = Path(__file__).parents[3]


class Deployed(Exception):
    """The demo has come to its first deploy."""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs the demo with these arguments, and with stand-ins for what it calls."""

    def started(*arguments: str, **replaced: Any) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("SLIPWAY_STAGES", str(tmp_path))
        monkeypatch.setattr(sys, "argv", ["demo", *arguments])
        for name, stand_in in {"down": lambda _: None, **replaced}.items():
            monkeypatch.setattr(demo, name, stand_in)
        demo.main()

    return started


def test_it_writes_no_stage_and_only_into_folders_that_git_ignores(run: Any, tmp_path: Path) -> None:
    seen: list[str] = []

    def steps(data: object, settings: object, home: Any, *_: object) -> int:
        seen.extend([os.environ["SLIPWAY_STAGES"], str(home.root.relative_to(tmp_path)), str(demo._OUT)])
        return 0

    run(_run=steps)
    stages, *folders = seen
    assert stages == os.devnull
    ignored = subprocess.run(["git", "check-ignore", *folders], cwd=ROOT, capture_output=True, text=True).stdout
    assert ignored.splitlines() == folders


def test_it_uploads_the_images_as_the_settings_say(run: Any) -> None:
    used: list[str] = []

    def deploy_everything(*_: object, layout: str, say: object) -> None:
        used.append(layout)
        raise Deployed

    with pytest.raises(Deployed):
        run(
            "-c", "image_layout=shards",
            up=lambda *_, **__: SimpleNamespace(endpoint=""), use=lambda _: None, bootstrap=lambda *_: None,
            require_aws=lambda: ("000000000000", "us-east-1"), make_scaling_roles=lambda *_, **__: None,
            synthesize=lambda _: SimpleNamespace(prefix="slipway-dev"), one_reason=lambda *_: nullcontext(),
            deploy_everything=deploy_everything,
        )  # fmt: skip
    assert used == ["shards"]
