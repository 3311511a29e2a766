"""Batch scoring writes a line for every file of a folder, whatever is wrong with it."""

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

import serving
from serving.classifier import Classifier
from serving.protocol import MAX_BYTES
from serving.scoring import ScoringFailed, score
from tests.serving.hostile import COSTLY
from tests.waiting import LIMIT_SECONDS, until

ODD = ("a b/ü ö.png", 'quoted "cat".png', "line\nbreak.png", "nested/deep/er/cat.jpg", "no-suffix", "-k=3.png")


class Job:
    """The folders of a processing job's container, and runs of its program in them."""

    def __init__(self, folder: Path, archive: Path) -> None:
        self.base = folder
        self.images = folder / "processing/images"
        self.images.mkdir(parents=True)
        (folder / "config").mkdir()
        (folder / "config/resourceconfig.json").write_text('{"current_host": "algo-2", "hosts": ["algo-1", "algo-2"]}')
        (folder / "processing/model").mkdir()
        shutil.copyfile(archive, folder / "processing/model/model.tar.gz")

    def start(self, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "serving.score", *arguments],
            cwd=Path(serving.__file__).parent.parent,
            env={**os.environ, "SAGEMAKER_BASE_DIR": str(self.base), **variables},
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **variables: str) -> int:
        process = self.start(*arguments, **variables)
        self.log = [json.loads(line) for line in process.communicate(timeout=LIMIT_SECONDS)[0].splitlines()]
        return process.returncode

    @property
    def message(self) -> str:
        return (self.base / "output/message").read_text()

    def lines(self) -> dict[str, dict[str, Any]]:
        """Result lines that were written, by image."""
        files = sorted((self.base / "processing/results").iterdir())
        found = [json.loads(line) for file in files for line in file.read_text("ascii").splitlines()]
        by_image = {line["image"]: line for line in found}
        assert len(by_image) == len(found), "an image has two lines"
        return by_image


@pytest.fixture(scope="module")
def archive(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "model.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as packed:
        for file in model_folder.iterdir():
            packed.add(file, file.name)
    return path


@pytest.fixture
def job(tmp_path: Path, archive: Path) -> Job:
    return Job(tmp_path, archive)


def test_every_file_has_a_line_and_broken_ones_have_the_api_s_codes(
    job: Job, encode: Callable[..., bytes], classifier: Classifier
) -> None:
    for name in ODD:
        (job.images / name).parent.mkdir(parents=True, exist_ok=True)
        (job.images / name).write_bytes(encode())
    broken = {
        "notes.txt": (b"no image", "NotAnImage"),
        "empty.jpg": (b"", "NotAnImage"),
        "cut.png": (encode()[:-40], "NotAnImage"),
        "costly.jpg": (COSTLY["scans of a JPEG"](), "TooCostly"),
        "large.png": (encode() + bytes(MAX_BYTES), "TooManyBytes"),
    }
    for name, (content, _) in broken.items():
        (job.images / name).write_bytes(content)
    for hidden in (".DS_Store", ".cache/x.png", "manifest.json", "files.jsonl"):
        (job.images / hidden).parent.mkdir(exist_ok=True)
        (job.images / hidden).write_bytes(encode())

    assert job.run() == 0

    lines = job.lines()
    assert lines.keys() == {*ODD, *broken}
    [probabilities] = classifier.infer(classifier.decode(encode())[np.newaxis])
    expected = [(p.label, pytest.approx(p.probability, abs=1e-5)) for p in classifier.best(probabilities, 5)]
    for name in ODD:
        assert [(p["label"], p["probability"]) for p in lines[name]["predictions"]] == expected
    for name, (_, code) in broken.items():
        assert lines[name]["error"]["code"] == code
        assert lines[name].keys() == {"image", "error", "model"}
    assert {line["model"] for line in lines.values()} == {classifier.model}
    assert job.message == f"{len(lines)} files, {len(broken)} of them refused"
    assert job.log[-1]["errors"] == {"NotAnImage": 3, "TooCostly": 1, "TooManyBytes": 1}


def test_several_processes_share_the_files_and_leave_none_out(job: Job, encode: Callable[..., bytes]) -> None:
    """More files than may be in memory at once; two processes stand for an instance of eight cores."""
    names = [f"{number:03}.png" for number in range(160)]
    for name in names:
        (job.images / name).write_bytes(encode())
    assert job.run("--labels", "2", WEB_CONCURRENCY="2") == 0
    assert sorted(job.lines()) == names
    assert all(len(line["predictions"]) == 2 for line in job.lines().values())
    assert sorted(file.name for file in (job.base / "processing/results").iterdir()) == [
        f"results-algo-2-{number}.jsonl" for number in range(2)
    ]


@pytest.mark.parametrize("count", [0, 1])
def test_a_share_may_be_empty_or_of_one_image(job: Job, encode: Callable[..., bytes], count: int) -> None:
    """With more instances than objects, some get none: S3DataDistributionType ShardedByS3Key."""
    for number in range(count):
        (job.images / f"{number}.png").write_bytes(encode())
    assert job.run() == 0
    assert len(job.lines()) == count


@pytest.mark.parametrize("damage", ["archive", "model"])
def test_without_a_model_that_can_be_loaded_the_job_fails_and_says_why(job: Job, damage: str) -> None:
    archive = job.base / "processing/model/model.tar.gz"
    if damage == "archive":
        archive.write_bytes(archive.read_bytes()[:1000])
    else:
        with tarfile.open(archive, "w:gz") as packed:
            packed.add(job.base / "config/resourceconfig.json", "model.json")
    assert job.run() == 1
    assert "archive cannot be unpacked" in job.message if damage == "archive" else "cannot be loaded" in job.message
    if damage == "model":
        failed = [line for line in job.log if line["event"] == "failed"]  # one of each process, and progress between
        assert failed and all("has no model.onnx" in line["reason"] for line in failed)


def test_an_archive_that_is_damaged_amid_a_file_fails_by_name(job: Job) -> None:
    """From there on tarfile raises zlib's own error."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        info = tarfile.TarInfo("model.onnx")
        info.size = 2**20
        tar.addfile(info, io.BytesIO(bytes(info.size)))
    compressor = zlib.compressobj(wbits=31)
    half = compressor.compress(packed.getvalue()[: 2**19]) + compressor.flush(zlib.Z_SYNC_FLUSH)
    archive = job.base / "processing/model/model.tar.gz"
    archive.write_bytes(half + b"\xff" * 100)
    with pytest.raises(ScoringFailed, match="archive cannot be unpacked"):
        score(archive, job.images, job.base / "results", host="algo-1", labels=5)


def test_a_process_that_is_killed_fails_the_job(job: Job, encode: Callable[..., bytes]) -> None:
    for number in range(50):
        (job.images / f"{number}.png").write_bytes(encode())
    process = job.start(WEB_CONCURRENCY="2")

    def workers() -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):  # another child that has ended meanwhile
            children = psutil.Process(process.pid).children()
            found = [each for each in children if "spawn_main" in " ".join(each.cmdline())]
            return found if len(found) == 2 else []
        return []

    until(workers)[0].send_signal(signal.SIGKILL)
    assert process.wait(LIMIT_SECONDS) == 1
    assert "ended early, with SIGKILL: it may lack memory" in job.message


def test_it_ends_when_it_is_asked_to(job: Job, encode: Callable[..., bytes]) -> None:
    for number in range(1500):
        (job.images / f"{number}.png").write_bytes(encode())
    process = job.start(WEB_CONCURRENCY="1")
    until(lambda: any((job.base / "processing").glob("results/*")))
    process.send_signal(signal.SIGTERM)
    assert process.wait(LIMIT_SECONDS) == 143
