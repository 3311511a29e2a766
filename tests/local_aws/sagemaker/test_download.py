"""A training channel's download names what is wrong, in one line."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError

from local_aws.home import Home, read_env
from local_aws.sagemaker.download import main


@pytest.fixture
def environment(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in read_env(home.env_file).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the credentials it was made with


@pytest.mark.usefixtures("environment")
def test_a_full_disk_is_named(data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """/dev/full stands for it. AWS says "Insufficient disk space": github.com/aws/sagemaker-python-sdk/issues/128."""
    channel = tmp_path / "channel"
    (channel / "a").mkdir(parents=True)
    (channel / "a" / "one.txt").symlink_to("/dev/full")
    assert main(data, channel, may_be_empty=False) == 1
    assert capsys.readouterr().err == f"No space left on device ({data} to {channel})\n"
    (channel / "a" / "one.txt").unlink()  # there is room again
    assert main(data, channel, may_be_empty=False) == 0
    assert sorted(path.name for path in channel.rglob("*.txt")) == ["one.txt", "two.txt"]


@pytest.mark.usefixtures("environment")
def test_a_folder_that_cannot_be_made_is_named(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(data, Path("/proc/channel"), may_be_empty=False) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith(f"({data} to /proc/channel)")


def test_a_connection_that_breaks_in_the_middle_of_an_object_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = iter([b"begins"])

    def read(_: int) -> bytes:
        """Read a part of the object, as it is too large for the memory."""
        for part in parts:
            return part
        raise ReadTimeoutError(endpoint_url="https://s3")

    s3: Any = SimpleNamespace(
        get_paginator=lambda _: SimpleNamespace(paginate=lambda **_: [{"Contents": [{"Key": "data/one.txt"}]}]),
        get_object=lambda **_: {"Body": SimpleNamespace(read=read)},
    )
    monkeypatch.setattr(boto3, "client", lambda *_, **__: s3)
    assert main("s3://bucket/data/", tmp_path, may_be_empty=False) == 1
    assert capsys.readouterr().err == 'Read timeout on endpoint URL: "https://s3" (s3://bucket/data/)\n'
