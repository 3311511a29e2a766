"""Scores the files of a folder in processes of their own, one for every few cores, as the server has them."""

import json
import multiprocessing
import signal
import sys
import tarfile
import tempfile
import time
import zlib
from collections import Counter, deque
from concurrent.futures import Future
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from serving import log, protocol
from serving.admission import MAX_IN_FLIGHT
from serving.classifier import Classifier, ModelError
from serving.pool import ClassifierPool, refusal_of
from serving.preprocessing import ImageError
from serving.processes import count, threads
from serving.protocol import Refusal
from serving.score import is_scored

PROGRESS_SECONDS = 5.0
_NO_MODEL = 3  # exit code of a process that could not load the model


class ScoringFailed(Exception):
    """Not every file was scored; the message says why."""


def score(archive: Path, images: Path, results: Path, *, host: str, labels: int) -> str:
    """Write a line of JSON for each file below `images` into files below `results`; returns a summary.

    Raises:
        ScoringFailed: the model cannot be loaded, or a process ended early.
    """
    names = files_of(images)
    shares = min(count(), max(1, len(names)))
    log.write("scoring", images=len(names), processes=shares, threads=threads())
    start = time.monotonic()
    results.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder)
        _unpack(archive, model)
        written = [results / f"results-{host}-{number}.jsonl" for number in range(shares)]
        spawn = multiprocessing.get_context("spawn")
        started: list[BaseProcess] = [
            spawn.Process(target=_work, args=(model, images, names[number::shares], path, labels), daemon=True)
            for number, path in enumerate(written)
        ]
        for process in started:
            process.start()
        tally = _Tally(written)
        while any(process.exitcode is None for process in started):
            ended = wait([process.sentinel for process in started if process.exitcode is None], PROGRESS_SECONDS)
            if not ended:
                log.write("progress", done=tally.update(), images=len(names))
        _check(started)
    done, seconds = tally.update(), time.monotonic() - start
    errors = sum(tally.errors.values())
    log.write("scored", images=done, errors=dict(tally.errors), seconds=round(seconds, 1))
    return f"{done} files, {errors} of them refused"


def files_of(folder: Path) -> list[str]:
    """Paths of the files to score below a folder, relative to it, in order of their names."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(filter(is_scored, found))


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack the model: a job gets its archive as it is, where an endpoint gets its content."""
    try:
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise ScoringFailed(f"the model's archive cannot be unpacked: {error}") from error


def _check(ended: list[BaseProcess]) -> None:
    for number, process in enumerate(ended):
        if process.exitcode == _NO_MODEL:
            raise ScoringFailed("the model cannot be loaded; the job's log says why")
        if process.exitcode:
            how = f"exit code {process.exitcode}"
            if process.exitcode < 0:
                how = f"{signal.Signals(-process.exitcode).name}: it may lack memory"
            raise ScoringFailed(f"process {number} of {len(ended)} ended early, with {how}")


class _Tally:
    """Counts the lines that the processes have written so far."""

    def __init__(self, files: list[Path]) -> None:
        self._read = dict.fromkeys(files, 0)
        self._done = 0
        self.errors: Counter[str] = Counter()

    def update(self) -> int:
        """The number of whole lines; also counts their errors by code."""
        for path, position in self._read.items():
            if not path.exists():
                continue
            with path.open("rb") as lines:
                lines.seek(position)
                for line in lines:
                    if not line.endswith(b"\n"):
                        break
                    self._read[path] += len(line)
                    self._done += 1
                    if error := json.loads(line).get("error"):
                        self.errors[error["code"]] += 1
        return self._done


def _work(model: Path, images: Path, names: list[str], results: Path, labels: int) -> None:
    """Score some files of the folder; the program of one process."""
    try:
        scorer = _Scorer(ClassifierPool(Classifier(model, threads=threads())), labels)
    except ModelError as error:
        log.write("failed", reason=str(error))
        sys.exit(_NO_MODEL)
    start = time.perf_counter()
    with results.open("w", encoding="ascii", buffering=1) as output:
        waiting: deque[tuple[str, Future[Any] | Refusal]] = deque()
        for name in names:
            waiting.append((name, scorer.begin(images / name)))
            if len(waiting) >= MAX_IN_FLIGHT:
                output.write(scorer.line(*waiting.popleft()))
        while waiting:
            output.write(scorer.line(*waiting.popleft()))
    seconds = time.perf_counter() - start
    log.write("share", images=len(names), seconds=round(seconds, 2), images_per_second=round(len(names) / seconds, 1))


class _Scorer:
    """Begins with an image, and later makes its line: so that as many are in memory as in a process that serves."""

    def __init__(self, pool: ClassifierPool, labels: int) -> None:
        self._pool, self._labels = pool, labels

    def begin(self, path: Path) -> "Future[Any] | Refusal":
        """A future of the image's probabilities, or the reason that there are none."""
        try:
            protocol.too_large(path.stat().st_size)
            return self._pool.submit(self._pool.inspect(path.read_bytes()))
        except Refusal as refusal:
            return refusal
        except OSError as error:
            return Refusal(500, "Internal", f"the file cannot be read: {error.strerror}")

    def line(self, name: str, begun: "Future[Any] | Refusal") -> str:
        """JSON for one file, in ASCII: a name may have any character, a line break too."""
        return json.dumps({"image": name, **self._answer(name, begun)}) + "\n"

    def _answer(self, name: str, begun: "Future[Any] | Refusal") -> dict[str, Any]:
        try:
            if isinstance(begun, Refusal):
                raise begun
            return self._pool.answer(begun.result(), self._labels)
        except ImageError as error:
            refusal = refusal_of(error)
        except Refusal as refused:
            refusal = refused
        except Exception as error:  # a fault of ours: the trace's gist to the log, as the server does
            log.write("failed", image=name, reason=f"{type(error).__name__}: {error}")
            refusal = Refusal(500, "Internal", "the classifier failed; its log says why")
        return protocol.error(refusal.code, str(refusal)) | {"model": self._pool.model}
