"""Start of the notebook instance, with stand-ins for the commands that need an instance.

The folder of who works there exists only while a command runs as that user: root could neither run, read nor write
anything in it, so what is planted there never gets root's rights.
"""

import os
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.waiting import LIMIT_SECONDS, until

SCRIPT = Path(__file__).parents[2] / "notebooks" / "on_start.sh"
BROUGHT = ("notebooks/train_and_deploy.ipynb", "notebooks/requirements.txt", "notebooks/idle.py")

# Each writes down what it was asked. dnf, the first of the slow ones, waits until the test lets it go on.
STAND_INS = {
    "aws": 'cp "$ZIP" "${@: -1}"',
    "systemd-run": "",
    "dnf": 'while [ ! -e "$GO_ON" ]; do sleep 0.05; done',
    # Without -u USER. The home appears for the time of the command.
    "sudo": 'shift 2; mv "$HIDDEN_HOME" "$HOME_OF_USER"; code=0; "$@" || code=$?; '
    'mv "$HOME_OF_USER" "$HIDDEN_HOME"; exit $code',
    "python3.12": 'mkdir -p "$3/bin"; cp "$0" "$3/bin/python"',  # -m venv
}


@dataclass(frozen=True)
class Instance:
    """The machine: `home` is ec2-user's, on the disk that outlives a stop; `ours` is root's folder."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "hidden-home"

    @property
    def ours(self) -> Path:
        return self.root / "opt"

    @property
    def seen_home(self) -> Path:
        return self.root / "home"

    @property
    def folder(self) -> Path:
        """Where somebody works."""
        return self.home / "SageMaker" / "app-dev-0123abcd"

    @property
    def calls(self) -> Path:
        return self.root / "calls"

    @property
    def go_on(self) -> Path:
        return self.root / "go-on"

    def start(self) -> list[str]:
        """Run the script; what it asked of the machine before it returned."""
        self.calls.unlink(missing_ok=True)
        environment = {
            "SYSTEM_PATH": f"{self.root / 'bin'}:{os.environ['PATH']}", "PATH": os.environ["PATH"],
            "HOME_OF_USER": str(self.seen_home), "HIDDEN_HOME": str(self.home), "ROOTS_FOLDER": str(self.ours),
            "CALLS": str(self.calls), "ZIP": str(self.root / "files.zip"), "GO_ON": str(self.go_on),
            "NAME": "app-dev-notebook", "PREFIX": "app-dev", "FILES": "s3://assets/0123abcd4567.zip",
            "IDLE_MINUTES": "60",
        }  # fmt: skip
        # It reads to the end of the output: what goes on behind the script's back must not hold that open.
        subprocess.run(["bash", SCRIPT], env=environment, check=True, capture_output=True, timeout=LIMIT_SECONDS)
        return self.asked()

    def asked(self) -> list[str]:
        return [line.strip() for line in self.calls.read_text().splitlines()]

    def finish(self) -> list[str]:
        """Let the environment be made; all that was asked."""
        self.go_on.touch()
        until(
            lambda: self.asked()[-1].endswith("--display-name Slipway") and self.home.exists(),
            told=lambda: self.asked(),
        )
        return self.asked()


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    instance = Instance(tmp_path)
    (instance.home / "SageMaker").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    for name, does in STAND_INS.items():
        record = 'echo "${0##*/} $(tr "\\n" " " <<< "$*")" >> "$CALLS"'  # a line for each call
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{record}\n{does}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    with zipfile.ZipFile(tmp_path / "files.zip", "w") as files:
        for name in BROUGHT:
            files.writestr(name, f"{name}, as it was deployed")
    return instance


def test_it_brings_notebook_and_lock_as_who_works_there(instance: Instance) -> None:
    asked = instance.start()

    assert f"aws s3 cp --only-show-errors s3://assets/0123abcd4567.zip {instance.ours}/files.zip" in asked
    new = f"{instance.seen_home}/SageMaker/app-dev-0123abcd.new"
    assert f"sudo -u ec2-user cp -r {instance.ours}/files {new}" in asked
    assert {path.relative_to(instance.folder).as_posix() for path in (instance.folder / "notebooks").iterdir()} == set(
        BROUGHT
    )
    instance.finish()


def test_it_returns_before_the_environment_is_made_with_the_idle_timer_set(instance: Instance) -> None:
    asked = instance.start()

    [timer] = [each for each in asked if each.startswith("systemd-run ")]
    assert "--on-active=10min --on-unit-active=5min" in timer
    assert timer.endswith(f"python3 -I -S {instance.ours}/files/notebooks/idle.py app-dev-notebook 60")
    assert not any(each.startswith("python") for each in asked)  # dnf is still at work
    instance.finish()


def test_behind_its_back_the_locked_environment_becomes_the_notebooks_kernel(instance: Instance) -> None:
    instance.start()

    *_, install, kernel = [each for each in instance.finish() if each.startswith("python ")]
    assert "--require-hashes --only-binary :all:" in install
    assert install.endswith(f"-r {instance.ours}/files/notebooks/requirements.txt")
    assert [path.suffix for path in instance.home.glob("SageMaker/.environment-*")] == [""]
    assert kernel == "python -m ipykernel install --user --name python3 --display-name Slipway"
    assert (instance.folder / "environment.log").exists()


def test_the_next_start_keeps_what_somebody_wrote_and_makes_nothing_twice(instance: Instance) -> None:
    instance.start()
    instance.finish()
    (instance.folder / "notebooks" / "train_and_deploy.ipynb").write_text("my work")

    instance.start()
    asked = instance.finish()

    assert (instance.folder / "notebooks" / "train_and_deploy.ipynb").read_text() == "my work"
    assert not any(" cp -r " in each or each.startswith("python -m pip") for each in asked)
    assert any(each.startswith("systemd-run ") for each in asked)


def test_root_runs_what_was_deployed_and_nothing_that_somebody_planted(instance: Instance) -> None:
    """No file lets a user without root access become root: neither a changed idle check, nor a module or a command
    with the name of one that root uses, nor a link where root writes.
    """
    instance.start()
    instance.finish()
    planted = "import pathlib; pathlib.Path(__file__).with_name('ran').touch()"
    for place in (instance.home, instance.home / "SageMaker", instance.folder, instance.folder / "notebooks"):
        for name in ("zipfile.py", "sitecustomize.py", "idle.py", "json.py"):
            (place / name).write_text(planted)
    victim = instance.root / "victim"
    victim.write_text("untouched")
    for link in ("files.zip", "app-dev-0123abcd.new", ".environment-new.new"):
        (instance.home / "SageMaker" / link).symlink_to(victim)

    asked = instance.start()
    instance.finish()

    assert not list(instance.home.rglob("ran"))
    assert victim.read_text() == "untouched"
    assert not instance.seen_home.exists()  # root made nothing there either
    [timer] = [each for each in asked if each.startswith("systemd-run ")]
    program = Path(next(word for word in timer.split() if word.endswith("idle.py")))
    assert program.read_text() == "notebooks/idle.py, as it was deployed"
