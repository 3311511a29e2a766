"""Start of the notebook instance, with stand-ins for the commands that need an instance."""

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
    "chown": "",
    "systemd-run": "",
    "dnf": 'while [ ! -e "$GO_ON" ]; do sleep 0.05; done',
    "sudo": 'shift 2; exec "$@"',  # without -u USER
    "python3.12": 'mkdir -p "$3/bin"; printf \'#!/bin/bash\\n\' > "$3/bin/python"; chmod +x "$3/bin/python"',  # -m venv
}


@dataclass(frozen=True)
class Instance:
    """The machine: `home` is ec2-user's, on the disk that outlives a stop."""

    home: Path
    bin: Path

    @property
    def folder(self) -> Path:
        """Where somebody works."""
        return self.home / "SageMaker" / "app-dev-0123abcd"

    def start(self) -> list[str]:
        """Run the script; what it asked of the machine before it returned."""
        self.calls.unlink(missing_ok=True)
        environment = {
            "PATH": f"{self.bin}:{os.environ['PATH']}", "HOME_OF_USER": str(self.home), "CALLS": str(self.calls),
            "ZIP": str(self.bin / "files.zip"), "GO_ON": str(self.go_on), "NAME": "app-dev-notebook",
            "PREFIX": "app-dev", "FILES": "s3://assets/0123abcd4567.zip", "IDLE_MINUTES": "60",
        }  # fmt: skip
        # It reads to the end of the output: what goes on behind the script's back must not hold that open.
        subprocess.run(["bash", SCRIPT], env=environment, check=True, capture_output=True, timeout=LIMIT_SECONDS)
        return self.asked()

    @property
    def calls(self) -> Path:
        return self.bin / "calls"

    @property
    def go_on(self) -> Path:
        return self.bin / "go-on"

    def asked(self) -> list[str]:
        return self.calls.read_text().splitlines()

    def finish(self) -> list[str]:
        """Let the environment be made; all that was asked."""
        self.go_on.touch()
        until(lambda: self.asked()[-1].endswith("--display-name Slipway"), told=lambda: self.asked())
        return self.asked()


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    instance = Instance(home=tmp_path / "home", bin=tmp_path / "bin")
    (instance.home / "SageMaker").mkdir(parents=True)
    instance.bin.mkdir()
    for name, does in STAND_INS.items():
        (instance.bin / name).write_text(f'#!/bin/bash\necho "{name} $*" >> "$CALLS"\n{does}\n')
        (instance.bin / name).chmod(0o755)
    with zipfile.ZipFile(instance.bin / "files.zip", "w") as files:
        for name in BROUGHT:
            files.writestr(name, f"{name}, as it was deployed")
    return instance


def test_it_brings_notebook_and_lock_and_gives_them_to_who_works_there(instance: Instance) -> None:
    asked = instance.start()

    assert "aws s3 cp --only-show-errors s3://assets/0123abcd4567.zip files.zip" in asked
    assert f"chown -R ec2-user: {instance.folder}.new" in asked
    assert {path.relative_to(instance.folder).as_posix() for path in (instance.folder / "notebooks").iterdir()} == set(
        BROUGHT
    )
    instance.finish()


def test_it_returns_before_the_environment_is_made_with_the_idle_timer_set(instance: Instance) -> None:
    asked = instance.start()

    [timer] = [each for each in asked if each.startswith("systemd-run ")]
    assert "--on-active=10min --on-unit-active=5min" in timer
    assert timer.endswith(f"python3 {instance.folder}/notebooks/idle.py app-dev-notebook 60")
    assert not any("pip install" in each for each in asked)  # dnf is still at work
    instance.finish()


def test_behind_its_back_the_locked_environment_becomes_the_notebooks_kernel(instance: Instance) -> None:
    instance.start()

    *_, install, kernel = [each for each in instance.finish() if each.startswith("sudo -u ec2-user ")]
    assert "--require-hashes --only-binary :all:" in install
    assert install.endswith(f"-r {instance.folder}/notebooks/requirements.txt")
    [environment] = instance.home.glob("SageMaker/.environment-*")
    assert kernel == (
        f"sudo -u ec2-user {environment}/bin/python -m ipykernel install --user --name python3 --display-name Slipway"
    )
    assert (instance.folder / "environment.log").exists()


def test_the_next_start_keeps_what_somebody_wrote_and_makes_nothing_twice(instance: Instance) -> None:
    instance.start()
    instance.finish()
    (instance.folder / "notebooks" / "train_and_deploy.ipynb").write_text("my work")

    instance.start()
    asked = instance.finish()

    assert (instance.folder / "notebooks" / "train_and_deploy.ipynb").read_text() == "my work"
    assert not any(each.startswith("aws ") or "pip install" in each for each in asked)
    assert any(each.startswith("systemd-run ") for each in asked)
