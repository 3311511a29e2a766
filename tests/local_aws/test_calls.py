"""The record of calls has one line for each distinct decision and can be read while the server writes."""

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


def test_a_new_run_begins_with_nothing(tmp_path: Path) -> None:
    Recorder(tmp_path / "calls.jsonl").record(LIST)

    Recorder(tmp_path / "calls.jsonl")

    assert read(tmp_path / "calls.jsonl") == []


def test_a_reader_does_not_need_ministack() -> None:
    """Importing MiniStack takes a second, and needs an environment of its own."""
    program = "import sys, local_aws.calls; assert not [m for m in sys.modules if m.startswith('ministack')]"
    subprocess.run([sys.executable, "-c", program], check=True)
