"""The output of a training job: read within bounds, and nothing of it is written to the disk."""

import io
import json
import tarfile

import pytest

from tests.tools.report.conftest import BUCKET, OUTPUT, DeployedStandIn, archive
from tools.report import training as module
from tools.report.absent import Missing
from tools.report.training import read_output

JOB = "slipway-dev-12ab-1"


def read(aws: DeployedStandIn) -> module.TrainingOutput:
    return read_output(aws, BUCKET, JOB, "make deploy")


def test_it_is_read_with_names_as_tar_writes_them_for_a_folder(aws: DeployedStandIn) -> None:
    before = read(aws)
    files = {"metrics.json": json.dumps(before.metrics).encode()}
    assert before.mistakes
    aws.trained({f"./{name}": content for name, content in files.items()} | {"./mistakes.png": _png(aws)})
    assert len(read(aws).mistakes) == len(before.mistakes)


def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_is_read(
    aws: DeployedStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 2**20)
    aws.trained({"bomb": bytes(2**20 + 1)})
    with pytest.raises(Missing, match="has over 1 MiB"):
        read(aws)


DAMAGED = {"empty": b"", "text": b"no archive", "cut off": archive({"metrics.json": b"{}"})[:20]}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_archive_is_named(aws: DeployedStandIn, content: bytes) -> None:
    aws.objects[OUTPUT] = content
    with pytest.raises(Missing, match=f"s3://{BUCKET}/{OUTPUT} (cannot be read|has no metrics.json)"):
        read(aws)


def test_an_output_without_metrics_is_named(aws: DeployedStandIn) -> None:
    aws.trained({"failure": b"no memory"})
    with pytest.raises(Missing, match=r"has no metrics\.json"):
        read(aws)


def _png(aws: DeployedStandIn) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(aws.objects[OUTPUT])) as tar:
        content = tar.extractfile("mistakes.png")
        assert content
        return content.read()
