"""Files decoded in threads, and in processes where there are many: the same pixels and the same errors."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from serving.preprocessing import read_square, read_whole
from tests.waiting import until
from training import decoding, pixel_cache
from training.decoding import Form, Readable, decode_again, decode_all, in_processes
from training.environment import Process
from training.errors import InputError
from training.folder import inspect
from training.images import load
from training.pixel_cache import PixelCache


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any number of files is many, and there are cores for two processes."""
    monkeypatch.setattr(decoding, "MIN_FILES", 1)
    monkeypatch.setattr(decoding, "MIN_CORES", 2)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Twenty images, of which number 5 is broken and number 17 is not there."""
    random = np.random.default_rng(0)
    paths = [tmp_path / f"{number}.png" for number in range(20)]
    for path in paths:
        Image.fromarray(random.integers(0, 256, (30, 40, 3), np.uint8)).save(path)
    paths[5].write_bytes(b"x")
    paths[17].unlink()
    return paths


@pytest.mark.parametrize(("files", "cores", "chosen"), [(1999, 16, False), (2000, 2, False), (2000, 3, True)])
def test_processes_are_for_many_files_and_cores(
    files: int, cores: int, chosen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", str(cores))
    assert in_processes(files, Process()) is chosen


def test_a_sandbox_without_shared_memory_has_threads(
    many: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(decoding, "_SHARED_MEMORY", tmp_path / "shm")
    assert not in_processes(2000, Process())


@pytest.mark.parametrize("form", [Form(16), Form(24, whole=True)], ids=["squares", "whole"])
def test_processes_write_the_pixels_that_threads_do(files: list[Path], many: None, form: Form) -> None:
    shape = (len(files), form.side, form.side, 3)
    on_disk, in_memory = PixelCache.on_disk(shape), PixelCache(shape)
    in_memory.rows[:] = 0
    outcomes = decode_all(files, form, on_disk, Process())
    assert outcomes == decode_all(files, form, in_memory, Process())  # memory of this process: threads
    assert np.array_equal(on_disk.rows, in_memory.rows)
    assert [number for number, outcome in enumerate(outcomes) if isinstance(outcome, str)] == [5, 17]
    assert "not an image that can be read" in str(outcomes[5]) and "No such file" in str(outcomes[17])
    assert outcomes[0] == (pytest.approx(4 / 3) if form.whole else 1)


def test_pixels_are_those_of_serving(files: list[Path], many: None) -> None:
    content = files[3].read_bytes()
    squares, _ = decode_again([files[3]], Form(16), 20, Process())
    whole, ratios = decode_again([files[3]], Form(24, whole=True), 20, Process())
    assert np.array_equal(squares[0], read_square(content, 16))
    expected, ratio = read_whole(content, 24)
    assert np.array_equal(whole[0], expected) and ratios[0] == pytest.approx(ratio)


def test_a_data_set_loads_the_same_either_way(few_digits: Path, many: None, monkeypatch: pytest.MonkeyPatch) -> None:
    data = inspect(few_digits)
    by_processes = load(data, 16, whole=True)
    monkeypatch.setattr(decoding, "MIN_FILES", 10**6)
    by_threads = load(data, 16, whole=True)
    for name, images in by_processes.items():
        rows = np.arange(len(images))
        assert np.array_equal(images.take(rows), by_threads[name].take(rows))


def test_small_images_need_no_disk(few_digits: Path, many: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_cache, "SPARE_DISK_BYTES", 2**63)
    assert load(inspect(few_digits), 16)["train"].cache is not None


def test_a_process_that_the_system_kills_is_an_error_with_ways_out(
    files: list[Path], many: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_kept_workers", decoding._kept_workers.__wrapped__)  # other tests use the kept ones
    for decode in (
        lambda: decode_all(files, Deadly(16), None, Process()),
        lambda: decode_again(files, Deadly(16), 20, Process()),
    ):
        with pytest.raises(InputError, match="set OMP_NUM_THREADS to fewer of them, or take a larger instance"):
            decode()


class Deadly(Form):
    """A form on which the system runs out of memory."""

    def read(self, file: Readable) -> tuple[np.ndarray, float]:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def test_no_process_outlives_a_training_that_is_killed(files: list[Path]) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from multiprocessing import active_children; from training import decoding\n"
        "from training.environment import Process\n"
        "decoding.MIN_FILES = 1\n"
        "decoding.decode_again([Path(sys.argv[1])], decoding.Form(16), 20, Process())\n"
        "print(*(child.pid for child in active_children()), flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(files[0])],
        env=os.environ | {"OMP_NUM_THREADS": "3"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as training:  # fmt: skip
        assert training.stdout
        [*workers] = map(int, training.stdout.readline().split())
        training.kill()
    assert workers
    until(lambda: not any(map(runs, workers)))


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
