"""The message of a processing container is read up to one KB: "ExitMessage" of DescribeProcessingJob, SageMaker API."""

from pathlib import Path

import pytest

from local_aws.sagemaker.processing_host import ProcessingHost


@pytest.fixture
def host(tmp_path: Path) -> ProcessingHost:
    return ProcessingHost(tmp_path, 0)


def message(host: ProcessingHost, content: bytes) -> str:
    host.place("/opt/ml/output/message").write_bytes(content)
    return host.message()


def test_a_letter_that_the_limit_cuts_is_left_out(host: ProcessingHost) -> None:
    assert message(host, b"x" + 600 * "é".encode()) == "x" + 511 * "é"


@pytest.mark.parametrize("content", [b"caf\xc3", b"\xff", b"\xff" + bytes(2000)])
def test_a_message_that_is_not_utf_8_is_refused(host: ProcessingHost, content: bytes) -> None:
    with pytest.raises(UnicodeDecodeError):
        message(host, content)


def test_there_need_be_none(host: ProcessingHost) -> None:
    assert host.message() == ""
