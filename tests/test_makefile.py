"""`make setup` in a checkout of its own, with stubs for Python, uv and npm: what is installed, and when again."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from local_aws.container import namespaces

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements-dev.txt", "package-lock.json", "training/wheels.txt")

# Each call is a line of `log`; `fail` is a word of the call that fails.
STUB = """#!/bin/sh
echo "$(basename "$0") $*" >> "$LOG"
case "$*" in
  "-m venv "*) mkdir -p .venv/bin && cp "$0" .venv/bin/python && cp "$0" .venv/bin/uv ;;
  *"npm ci"*) mkdir -p node_modules ;;
  *"pip download"*) for word; do test "$last" = --dest && mkdir -p "$word"; last=$word; done ;;
  "pip install"*) printf '%s\\n' "Resolved 2 packages" "Downloading torch (530.6MiB)" "Downloading rich (1.2MiB)" >&2
    printf ' Downloaded rich\\n + rich==14\\n' >&2 ;;
esac
if test -n "$FAIL"; then case "$*" in *"$FAIL"*) echo "error: no network" >&2; exit 2 ;; esac; fi
"""


class Checkout:
    """A copy of Makefile and locks; `installed` has the steps that the last `make setup` took."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("Makefile", *LOCKS):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        self.bin = folder / "bin"
        self.bin.mkdir()
        (self.bin / "python3").write_text(STUB)
        (self.bin / "python3").chmod(0o755)
        self.log = folder / "log"

    def setup(self, fail: str = "") -> subprocess.CompletedProcess[str]:
        return self.make("setup", fail)

    def make(self, target: str, fail: str = "") -> subprocess.CompletedProcess[str]:
        self.log.unlink(missing_ok=True)
        environment = {"PATH": f"{self.bin}{os.pathsep}/usr/bin{os.pathsep}/bin", "LOG": str(self.log), "FAIL": fail}
        return subprocess.run(
            ["make", target, "UV=.venv/bin/uv"], cwd=self.folder, env=environment, capture_output=True, text=True
        )

    @property
    def installed(self) -> list[str]:
        steps = {"-m venv": "environment", "uv pip install": "packages", "npm ci": "cdk", "pip download": "wheels"}
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [step for line in lines for word, step in steps.items() if word in line]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture
def ready(checkout: Checkout) -> Checkout:
    """A checkout that is set up."""
    done = checkout.setup()
    assert done.returncode == 0, done.stderr
    return checkout


ALL = ["environment", "packages", "cdk", "wheels"]
INTERRUPTED = "pip install --python"  # uv, with the packages; before it, pip installs uv


def test_it_installs_everything_once(checkout: Checkout) -> None:
    assert checkout.setup().returncode == 0
    assert checkout.installed == ALL
    assert checkout.setup().stdout == "make: Nothing to be done for 'setup'.\n"
    assert checkout.installed == []


def test_it_names_its_steps_and_large_downloads_and_no_other_package(checkout: Checkout) -> None:
    assert checkout.setup().stdout.splitlines() == [
        "▸ Python environment in .venv",
        "▸ Python packages (3 to 6 GB with PyTorch; once)",
        "  Resolved 2 packages",
        "  Downloading torch (530.6MiB)",
        "▸ CDK command line",
        "▸ Wheels for the training container",
    ]


def test_new_time_stamps_of_a_clone_install_nothing(ready: Checkout) -> None:
    for lock in LOCKS:
        os.utime(ready.folder / lock, (2**32, 2**32))
    ready.setup()
    assert ready.installed == []


@pytest.mark.parametrize(
    ("lock", "again"),
    [
        ("requirements-dev.txt", ["packages"]),
        ("package-lock.json", ["cdk"]),
        ("training/wheels.txt", ["wheels"]),
    ],
)
def test_another_lock_installs_what_it_locks_also_where_its_time_stamp_is_old(
    ready: Checkout, lock: str, again: list[str]
) -> None:
    with (ready.folder / lock).open("a") as file:
        file.write("\n# changed\n")
    os.utime(ready.folder / lock, (0, 0))
    ready.setup()
    assert ready.installed == again
    ready.setup()
    assert ready.installed == []


@pytest.mark.parametrize(
    ("folder", "again"),
    [(".venv", ["environment", "packages"]), ("node_modules", ["cdk"]), ("training/wheels", ["wheels"])],
)
def test_what_was_removed_is_installed_again(ready: Checkout, folder: str, again: list[str]) -> None:
    shutil.rmtree(ready.folder / folder)
    ready.setup()
    assert ready.installed == again


@pytest.mark.parametrize(
    ("fail", "left"),
    [("-m venv", ALL), (INTERRUPTED, ALL[1:]), ("npm ci", ALL[2:]), ("pip download", ALL[3:])],
)
def test_a_set_up_that_was_cut_short_goes_on_where_it_stopped(checkout: Checkout, fail: str, left: list[str]) -> None:
    cut = checkout.setup(fail)
    assert cut.returncode != 0
    assert "error: no network" in cut.stdout + cut.stderr
    assert checkout.setup().returncode == 0
    assert checkout.installed == left


def test_packages_that_were_being_installed_are_all_installed_again(checkout: Checkout) -> None:
    checkout.setup(INTERRUPTED)
    checkout.setup()
    assert "--reinstall" in checkout.log.read_text()


def test_an_old_python_is_refused_with_the_fix(checkout: Checkout, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_text("#!/bin/sh\ncase \"$2\" in *'Python 3.11 or newer is needed'*) exit 1 ;; esac\n")
    old.chmod(0o755)
    (checkout.bin / "python3").write_bytes(old.read_bytes())
    assert checkout.setup().returncode != 0
    assert not (checkout.folder / ".venv").exists()


@pytest.mark.parametrize("target", ["down", "clean"])
def test_down_and_clean_first_end_what_runs_whatever_files_are_left_of_it(ready: Checkout, target: str) -> None:
    assert ready.make(target).returncode == 0
    assert ready.log.read_text() == "python -m local_aws down\n"
    assert (ready.folder / ".venv").exists() == (target == "down")


@pytest.mark.parametrize("target", ["down", "clean"])
def test_without_an_environment_a_local_aws_is_named_and_kept(checkout: Checkout, target: str) -> None:
    assert checkout.make("down").stdout == "no local AWS runs\n"
    record = checkout.folder / ".local" / "demo" / "run.json"
    record.parent.mkdir(parents=True)
    record.touch()
    ended = checkout.make(target)
    assert ended.returncode != 0
    assert ended.stderr.startswith(
        "error: .local names a local AWS, and without .venv it cannot be ended: make setup\n"
    )
    assert record.exists()


@pytest.mark.skipif(not namespaces(), reason="needs user namespaces")
@pytest.mark.parametrize("target", ["setup", "clean", "synth", "iam"])
def test_in_a_read_only_folder_there_is_one_error(checkout: Checkout, target: str) -> None:
    if target != "setup":
        checkout.setup()
        (checkout.folder / "cdk.out").mkdir()
        for number in range(3):
            (checkout.folder / "cdk.out" / f"{number}.json").touch()
    mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && cd "$0" && exec "$@"'
    ended = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, checkout.folder, "make", target],
        env={"PATH": f"{checkout.bin}{os.pathsep}/usr/bin{os.pathsep}/bin", "LOG": "/dev/null", "FAIL": ""},
        capture_output=True,
        text=True,
    )
    assert ended.returncode != 0
    assert [line for line in ended.stderr.splitlines() if not line.startswith("make")] == [
        "error: this folder is read-only"
    ]


def test_clean_needs_no_environment(checkout: Checkout) -> None:
    assert checkout.make("clean").returncode == 0


def test_help_lists_every_target_once_in_groups_within_100_columns() -> None:
    alone = {"PATH": os.environ["PATH"]}  # below another make, it would also say which folder it enters
    text = subprocess.run(["make", "help"], cwd=ROOT, env=alone, capture_output=True, text=True, check=True).stdout
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    assert (lines[0], lines[1].split()[:2]) == ("Start here", ["make", "demo"])
    documented = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert re.findall(r"^  make ([a-z-]+) ", text, re.MULTILINE) == documented
    headings = [line for line in lines if line and not line.startswith(" ")]
    assert headings == re.findall(r"^##@ (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
