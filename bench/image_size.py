"""Compressed size of the serving image for x86_64: its base, and the layer that its Dockerfile adds.

Docker is not needed: the layer is packed here, from the packages of the lock for the image's Python, and from serving/.
"""

import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import serving
from bench.result import BenchmarkResult

MAX_MB = 150
# linux/amd64, on 2026-08-05: repos/python/remote/3.13-slim-trixie.md of github.com/docker-library/repo-info
BASE, BASE_BYTES = "python:3.13.14-slim-trixie", 42_961_458
WHEELS = ("--python-version", "3.13", "--platform", "manylinux_2_28_x86_64", "--platform", "manylinux2014_x86_64")
GZIP_LEVEL = 6  # Docker's


def run() -> BenchmarkResult:
    """Compare with the limit of 150 MB.

    Raises:
        RuntimeError: the Dockerfile has another base.
    """
    source = Path(serving.__file__).parent
    if f"FROM {BASE}" not in (source / "Dockerfile").read_text():
        raise RuntimeError(
            f"serving/Dockerfile is not built from {BASE}: name its base and size in bench/image_size.py"
        )
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as packed:
        _install(source / "requirements.txt", Path(folder, "packages"))
        shutil.copytree(source, Path(folder, "serving"), ignore=shutil.ignore_patterns("__pycache__"))
        unpacked = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()) / 1e6
        with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=GZIP_LEVEL) as layer:
            layer.add(folder, "program")
        added = packed.tell() / 1e6
    size = BASE_BYTES / 1e6 + added
    base = f"{BASE_BYTES / 1e6:.1f} MB"
    note = f"peer: the limit; base {base}, packages and code {added:.1f} MB ({unpacked:.0f} MB unpacked)"
    return BenchmarkResult("image-size", round(size, 1), MAX_MB, "MB", round(MAX_MB / size, 2), 1, note)


def _install(lock: Path, folder: Path) -> None:
    """Install the packages of the lock, compiled like those in the image, without running a line of them."""
    options = ("--no-deps", "--only-binary", ":all:", "--require-hashes", *WHEELS, "--target", str(folder))
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    subprocess.run([*pip, *options, "--requirement", str(lock)], check=True)
