"""Packages that AWS's training images may lack: wheels in the program's zip, unpacked if they are missing.

A job has no network to install them. If an image has one today, it came as a dependency, and may be missing from the
next image with the same tag. A wheel is a zip of what goes on Python's path (PEP 427); these wheels are for the images'
Python and are not used on any other, for which requirements.txt lists the packages.
"""

import atexit
import importlib
import importlib.util
import io
import os
import platform
import shutil
import sys
import tempfile
import zipfile
from functools import cache
from importlib.resources import files


def available(name: str) -> bool:
    """True if the package can be imported, from the environment or from the program's wheels."""
    return _found(name) or (_wheels_on_path() and _found(name))


def _found(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


@cache
def _wheels_on_path() -> bool:
    """Unpacks the wheels for this Python, for this process and those it starts; False if there are none."""
    folder = files("training") / "wheels"
    fitting = [entry for entry in folder.iterdir() if _fits(entry.name)] if folder.is_dir() else []
    if not fitting:
        return False
    unpacked = tempfile.mkdtemp(prefix="wheels-")
    atexit.register(shutil.rmtree, unpacked, ignore_errors=True)
    for wheel in fitting:
        with zipfile.ZipFile(io.BytesIO(wheel.read_bytes())) as archive:
            archive.extractall(unpacked)
    sys.path.append(unpacked)  # last: packages of the image win
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), unpacked]))
    importlib.invalidate_caches()
    return True


def _fits(name: str) -> bool:
    """True if the file is a wheel for this Python and machine, by the tags in its name (PEP 425)."""
    if not name.endswith(".whl"):
        return False
    pythons, interface, systems = name.removesuffix(".whl").split("-")[-3:]
    oldest = 2 if interface == "abi3" else sys.version_info.minor  # abi3 is for later Pythons too
    this_python = {"py3", *(f"cp3{minor}" for minor in range(oldest, sys.version_info.minor + 1))}
    this_machine = sys.platform in systems and systems.endswith(f"_{platform.machine()}")
    return not this_python.isdisjoint(pythons.split(".")) and (systems == "any" or this_machine)
