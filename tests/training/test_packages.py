"""Packages that an image lacks come from the wheels in the program's zip."""

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

import training

ASK = """
import subprocess, sys
from training.packages import available
print(available("json"), available(sys.argv[1]))
if sys.argv[2:]:
    # as the program starts itself to quantise
    print(subprocess.run([sys.executable, "-c", f"import {sys.argv[1]}"]).returncode)
"""


def program(folder: Path, wheel: str) -> Path:
    """The zip of a program with one wheel, which holds the package `brought`."""
    with ZipFile(folder / wheel, "w") as packed:
        packed.writestr("brought/__init__.py", "")
    with ZipFile(folder / "program.zip", "w") as archive:
        for name in ("__init__.py", "packages.py"):
            archive.write(Path(training.__path__[0]) / name, f"training/{name}")
        archive.write(folder / wheel, f"training/wheels/{wheel}")
    return folder / "program.zip"


def ask(program: Path, *arguments: str) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(program), "TMPDIR": str(program.parent)}
    done = subprocess.run(
        [sys.executable, "-c", ASK, *arguments],
        cwd=program.parent, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.split()


def test_a_missing_package_comes_from_a_wheel_for_this_process_and_those_it_starts(tmp_path: Path) -> None:
    packed = program(tmp_path, "brought-1.0-py3-none-any.whl")
    assert ask(packed, "brought", "and in another process") == ["True", "True", "0"]
    assert {path.name for path in tmp_path.iterdir()} == {"program.zip", "brought-1.0-py3-none-any.whl"}


@pytest.mark.parametrize("tag", ["cp310-abi3-any", f"cp3{sys.version_info.minor}-cp3{sys.version_info.minor}-any"])
def test_a_wheel_for_this_python_or_for_it_and_later_ones_is_taken(tmp_path: Path, tag: str) -> None:
    assert ask(program(tmp_path, f"brought-1.0-{tag}.whl"), "brought") == ["True", "True"]


@pytest.mark.parametrize(
    "tag", ["cp39-cp39-any", "cp399-abi3-any", "cp27-cp27m-manylinux1_x86_64", "py3-none-win_amd64"]
)
def test_a_wheel_of_another_python_or_system_is_left_alone(tmp_path: Path, tag: str) -> None:
    assert ask(program(tmp_path, f"brought-1.0-{tag}.whl"), "brought") == ["True", "False"]


def test_a_package_that_no_wheel_has_is_missing(tmp_path: Path) -> None:
    assert ask(program(tmp_path, "brought-1.0-py3-none-any.whl"), "never_heard_of") == ["True", "False"]
