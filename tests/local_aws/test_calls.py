"""The record of calls has one line for each distinct decision and can be read while the server writes."""

import resource
import subprocess
import sys
from pathlib import Path

from local_aws.calls import Call, Recorder, read

LIST = Call("trainer", "s3:ListBucket", "arn:aws:s3:::b", True, {"s3:prefix": "data/"})


def test_it_reads_what_was_recorded(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "calls.jsonl")
    refused = Call("trainer", "s3:PutObject", "arn:aws:s3:::b/k", False)

    recorder.record(LIST)
    recorder.record(refused)

    assert read(tmp_path / "calls.jsonl") == [LIST, refused]


def test_a_decision_is_written_once(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "calls.jsonl")

    for _ in range(3):
        recorder.record(LIST)
    other = Call(LIST.role, LIST.action, LIST.resource, True, {"s3:prefix": "models/"})
    recorder.record(other)

    assert read(tmp_path / "calls.jsonl") == [LIST, other]


def test_what_a_full_disk_does_not_take_is_written_when_there_is_room_again(tmp_path: Path) -> None:
    """A limit of the file's size stands for the disk's: write(2) takes a part, then refuses."""
    recorder = Recorder(tmp_path / "calls.jsonl")
    calls = [Call(LIST.role, LIST.action, f"arn:aws:s3:::b{number}", True) for number in range(4)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    recorder.record(calls[0])
    resource.setrlimit(resource.RLIMIT_FSIZE, (150, hard))
    try:
        recorder.record(calls[1])
        recorder.record(calls[2])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "calls.jsonl").stat().st_size == 150
    recorder.record(calls[3])
    assert read(tmp_path / "calls.jsonl") == calls


def test_a_new_run_begins_with_nothing(tmp_path: Path) -> None:
    Recorder(tmp_path / "calls.jsonl").record(LIST)

    Recorder(tmp_path / "calls.jsonl")

    assert read(tmp_path / "calls.jsonl") == []


def test_a_reader_does_not_need_ministack() -> None:
    """Importing MiniStack takes a second, and needs an environment of its own."""
    program = "import sys, local_aws.calls; assert not [m for m in sys.modules if m.startswith('ministack')]"
    subprocess.run([sys.executable, "-c", program], check=True)
