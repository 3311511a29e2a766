"""`make score`: what it uploads, asks SageMaker for, downloads and says."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

from tests.tools.score.conftest import BUCKET, MODEL, TEMPLATE, Aws, result, score
from tools.score import job


def test_a_folder_is_uploaded_scored_and_summarized(
    aws: Aws, pictures: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    dog, notes = result("more/ü dog.jpg", "dog"), result("more/deep/notes.txt", code="NotAnImage")
    aws.results = [[result("cat.jpg", "cat"), dog], [notes]]

    assert score(str(pictures)) == 0

    assert {k: v for k, v in aws.objects.items() if "/input/" in k} == {
        f"scores/n1/input/{name}": name.encode() for name in ("cat.jpg", "more/deep/notes.txt", "more/ü dog.jpg")
    }
    written = (tmp_path / "out/scores/n1.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in written] == [result("cat.jpg", "cat"), notes, dog]
    assert [path.name for path in (tmp_path / "out/scores").iterdir()] == ["n1.jsonl"]
    out = capsys.readouterr().out
    assert "job slipway-prod-score-n1" in out
    assert "3 images in 36 s on 1 × ml.m5.large, 0.1 a second; 0.0011 $" in out
    assert "2 classified: cat 1, dog 1" in out
    assert "1 refused: NotAnImage 1" in out
    assert "results: out/scores/n1.jsonl" in out


def test_the_request_is_the_deployed_one_with_images_results_and_size(aws: Aws, pictures: Path) -> None:
    aws.results = [[result(name, "cat") for name in ("cat.jpg", "more/deep/notes.txt", "more/ü dog.jpg")]]
    assert score(str(pictures)) == 0
    request = aws.request
    assert request["ProcessingJobName"] == "slipway-prod-score-n1"
    assert {name: request[name] for name in ("RoleArn", "NetworkConfig", "AppSpecification")} == {
        name: TEMPLATE[name] for name in ("RoleArn", "NetworkConfig", "AppSpecification")
    }
    model, images = (each["S3Input"] for each in request["ProcessingInputs"])
    assert (model["S3Uri"], images["S3Uri"]) == (MODEL, f"s3://{BUCKET}/scores/n1/input/")
    assert images["S3DataDistributionType"] == "FullyReplicated"
    [output] = request["ProcessingOutputConfig"]["Outputs"]
    assert output["S3Output"]["S3Uri"] == f"s3://{BUCKET}/scores/n1/results/"
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 11, "VolumeKmsKeyId": "key"}
    assert request["ProcessingResources"] == {"ClusterConfig": cluster}
    # SageMaker takes it
    model_of = boto3.session.Session().client("sagemaker", region_name="us-east-1").meta.service_model
    assert not set(request) - set(model_of.operation_model("CreateProcessingJob").input_shape.members)


def test_several_instances_share_the_images_and_local_disks_take_no_key(aws: Aws, pictures: Path) -> None:
    """VolumeKmsKeyId of "ProcessingClusterConfig", SageMaker API reference."""
    aws.results = [[result(name, "cat") for name in ("cat.jpg", "more/deep/notes.txt", "more/ü dog.jpg")]]
    assert score(str(pictures), "--instance-type", "ml.r5d.large", "--instance-count", "3", "--labels", "2") == 0
    cluster = aws.request["ProcessingResources"]["ClusterConfig"]
    assert cluster == {"InstanceType": "ml.r5d.large", "InstanceCount": 3, "VolumeSizeInGB": 11}
    assert aws.request["ProcessingInputs"][1]["S3Input"]["S3DataDistributionType"] == "ShardedByS3Key"
    assert aws.request["AppSpecification"]["ContainerArguments"] == ["--labels", "2"]


def test_for_programs_it_is_one_json_object(aws: Aws, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    aws.results = [[result(name, "cat") for name in ("cat.jpg", "more/deep/notes.txt", "more/ü dog.jpg")]]
    assert score(str(pictures), "--json") == 0
    known = json.loads(capsys.readouterr().out)
    assert known["usd"] == pytest.approx(36 / 3600 * 0.115)
    del known["usd"]
    assert known == {
        "job": "slipway-prod-score-n1", "images": 3, "classified": 3, "labels": {"cat": 3}, "errors": {},
        "model": "9f2c" * 16, "seconds": 36.0, "images_per_second": 0.1, "instance_type": "ml.m5.large",
        "instance_count": 1, "results": "out/scores/n1.jsonl", "s3": f"s3://{BUCKET}/scores/n1/results/",
    }  # fmt: skip


@pytest.mark.parametrize("address", ["data/12ab/test", "images/new/", "scores/earlier/input/"])
def test_images_in_the_bucket_are_used_where_they_are(aws: Aws, address: str) -> None:
    folder = address.strip("/")
    aws.objects |= {f"{folder}/{name}": b"1" for name in ("a.jpg", "manifest.json", ".hidden", "b/")}
    aws.results = [[result("a.jpg", "cat")]]
    assert score(f"s3://{BUCKET}/{address}") == 0
    assert aws.request["ProcessingInputs"][1]["S3Input"]["S3Uri"] == f"s3://{BUCKET}/{folder}/"
    assert not [key for key in aws.objects if key.startswith("scores/n1/input/")]


def test_a_zip_does_as_well(aws: Aws, tmp_path: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        packed.writestr("pictures/cat.jpg", b"cat")
    (tmp_path / "pictures.zip").write_bytes(content.getvalue())
    aws.results = [[result("cat.jpg", "cat")]]
    assert score("pictures.zip") == 0
    assert aws.objects["scores/n1/input/cat.jpg"] == b"cat"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            '{"event": "scoring", "images": 1000, "processes": 2, "threads": 4}',
            ["algo-1 │ scores 1,000 images on 8 threads"],
        ),
        ('{"event": "progress", "done": 250, "images": 1000}', ["algo-1 │ 250 of 1,000 images"]),
        ('{"event": "failed", "reason": "no model.onnx"}', ["algo-1 │ the model: no model.onnx"]),
        ('{"event": "failed", "image": "a", "reason": "E"}', ["algo-1 │ a: E"]),
        ('{"event": "share", "images": 10}', []),
        ("Traceback", ["algo-1 │ Traceback"]),
    ],
)  # fmt: skip
def test_the_job_s_log_is_told_in_words(line: str, told: list[str]) -> None:
    said: list[str] = []
    tell: Callable[[str], None] = said.append
    job.narrate(f"algo-1 │ {line}", tell)
    assert said == told
