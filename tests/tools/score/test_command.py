"""`make score`: what it uploads, asks SageMaker for, downloads and says, and what it refuses before it spends."""

import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tools.score import __main__ as command
from tools.score import job

BUCKET = "slipway-prod-000000000000-us-east-1"
MODEL = f"s3://{BUCKET}/models/12ab/model.tar.gz"
TEMPLATE: dict[str, Any] = {
    "RoleArn": "arn:aws:iam::000000000000:role/slipway-prod-scoring-us-east-1",
    "AppSpecification": {"ImageUri": "image", "ContainerEntrypoint": ["python", "-m", "serving.score"]},
    "ProcessingInputs": [{"InputName": "model", "S3Input": {"S3Uri": MODEL, "LocalPath": "/opt/ml/processing/model"}}],
    "ProcessingOutputConfig": {"Outputs": [], "KmsKeyId": "key"},
    "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1}},
    "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
    "NetworkConfig": {"EnableNetworkIsolation": True},
}
START = datetime(2026, 11, 28, 12, tzinfo=UTC)


def result(image: str, label: str = "", code: str = "") -> dict[str, Any]:
    answer = {"predictions": [{"label": label, "probability": 0.9}]} if label else {"error": {"code": code}}
    return {"image": image, **answer, "model": "9f2c" * 16}


class Aws:
    """S3 on a dictionary, and SageMaker with a job that ends at the second look with `results` or `reason`."""

    class exceptions:
        ClientError = ClientError

    def __init__(self) -> None:
        self.meta = type("Meta", (), {"endpoint_url": "https://s3"})
        self.objects: dict[str, bytes] = {"models/12ab/model.tar.gz": b"model"}
        self.results: list[list[dict[str, Any]]] = []
        self.status, self.reason = "Completed", ""
        self.refusal: ClientError | None = None
        self.request: dict[str, Any] = {}
        self.looks = 0
        self.interrupt = ""

    def list_objects_v2(self, *, Bucket: str, Prefix: str, MaxKeys: int) -> dict[str, Any]:
        assert Bucket == BUCKET
        return {"KeyCount": min(MaxKeys, sum(key.startswith(Prefix) for key in self.objects))}

    def get_paginator(self, operation: str) -> Any:
        def paginate(*, Bucket: str, Prefix: str) -> Any:
            assert (operation, Bucket) == ("list_objects_v2", BUCKET)
            found = [{"Key": k, "Size": len(v)} for k, v in self.objects.items() if k.startswith(Prefix)]
            yield {"Contents": found[:2]}
            yield {"Contents": found[2:]}

        return type("Paginator", (), {"paginate": staticmethod(paginate)})

    def put_object(self, *, Bucket: str, Key: str, Body: Any) -> None:
        if self.interrupt == "upload":
            raise KeyboardInterrupt
        self.objects[Key] = Body.read()

    def download_file(self, bucket: str, key: str, path: str) -> None:
        Path(path).write_bytes(self.objects[key])

    def create_processing_job(self, **request: Any) -> None:
        if self.refusal:
            raise self.refusal
        self.request = request

    def describe_processing_job(self, ProcessingJobName: str) -> dict[str, Any]:
        assert ProcessingJobName == self.request["ProcessingJobName"]
        if self.interrupt == "job":
            raise KeyboardInterrupt
        self.looks += 1
        if self.looks == 1:
            return {"ProcessingJobStatus": "InProgress"}
        prefix = self.request["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"].partition(f"{BUCKET}/")[2]
        for number, lines in enumerate(self.results):
            body = "".join(json.dumps(line) + "\n" for line in lines)
            self.objects[f"{prefix}results-algo-1-{number}.jsonl"] = body.encode()
        ended = {"ProcessingStartTime": START, "ProcessingEndTime": START + timedelta(seconds=36)}
        reason = {"FailureReason": self.reason, "ExitMessage": "the model is broken"} if self.reason else {}
        return {**self.request, "ProcessingJobStatus": self.status, **ended, **reason}

    def describe_log_streams(self, **_: Any) -> dict[str, Any]:
        return {"logStreams": []}


@pytest.fixture
def serving() -> dict[str, str]:
    """Outputs of the serving stack."""
    return {"ModelDataUrl": MODEL, "ScoringJob": json.dumps(TEMPLATE), "S3Images": f"s3://{BUCKET}/images/"}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, serving: dict[str, str]) -> Aws:
    aws = Aws()
    monkeypatch.setenv("SLIPWAY_STAGES", str(tmp_path / "stages"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(boto3, "client", lambda *_, **__: aws)
    monkeypatch.setattr(job, "_POLL_SECONDS", 0.0)
    monkeypatch.setattr(command, "require_aws", lambda: ("000000000000", "us-east-1"))
    stacks = {"slipway-prod-serving": serving, "slipway-prod-storage": {"BucketName": BUCKET}}
    monkeypatch.setattr(command, "outputs", stacks.__getitem__)
    return aws


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "my pictures"
    for name in ("cat.jpg", "more/ü dog.jpg", "more/deep/notes.txt", ".DS_Store", "manifest.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def score(*arguments: str) -> int:
    return command.main([*arguments, "--name", "n1", "--settings", "stage=prod"])


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


def test_another_bucket_or_folder_is_refused_with_the_copy_that_mends_it(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    for address in ("s3://other/pictures/", f"s3://{BUCKET}/capture/x", f"s3://{BUCKET}/models/"):
        assert score(address) == 1
        said = capsys.readouterr().err
        assert (
            f"aws s3 sync {address.rstrip('/')}/ s3://{BUCKET}/scores/NAME/input/, then make score DATA=s3://" in said
        )
    assert aws.request == {}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("nowhere", "no folder nowhere: give a folder of images, a zip or tar of one, or s3://…"),
        ("empty", "empty has no file: give a folder of images, nested or not"),
        ("file.jpg", "file.jpg is neither a folder nor a zip or tar of one"),
        (f"s3://{BUCKET}/data/none/", "data/none/ has no object"),
    ],
)
def test_data_that_is_none_is_refused(
    aws: Aws, tmp_path: Path, capsys: pytest.CaptureFixture[str], data: str, said: str
) -> None:
    (tmp_path / "empty/.cache").mkdir(parents=True)
    (tmp_path / "empty/.cache/x").touch()
    (tmp_path / "file.jpg").write_bytes(b"\xff\xd8\xff")
    assert score(data) == 1
    assert said in capsys.readouterr().err
    assert aws.request == {}


def test_without_a_model_nothing_is_uploaded(aws: Aws, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del aws.objects["models/12ab/model.tar.gz"]
    assert score(str(pictures)) == 1
    assert f"no model at {MODEL}: make deploy trains it again" in capsys.readouterr().err
    assert aws.objects == {}


def test_a_name_is_used_once(aws: Aws, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    aws.objects["scores/n1/results/results-algo-1-0.jsonl"] = b""
    assert score(str(pictures)) == 1
    assert "there are results of the name n1: give another --name" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["A", "a_b", "a--b", "-a", "a" * 46])
def test_a_name_that_sagemaker_would_refuse_is_refused(
    aws: Aws, pictures: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert command.main([str(pictures), f"--name={name}", "--settings", "stage=prod"]) == 1
    assert "give small letters, digits and single hyphens, 44 at most" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("deployed", "given", "said"),
    [
        ("ml.c7g.large", [], "built for ml.c7g.large, an Arm type, on which SageMaker runs no processing jobs"),
        ("ml.c5.large", [], "ml.c5.large for processing jobs: SageMaker has no such type for this; take ml.c5.xlarge"),
        ("ml.m5.large", ["--instance-type", "m5.large"], 'ARGS="--instance-type ml.m5.large"'),
    ],
)
def test_an_instance_type_that_runs_no_job_is_refused_before_the_upload(
    aws: Aws, serving: dict[str, str], pictures: Path, capsys: pytest.CaptureFixture[str],
    deployed: str, given: list[str], said: str,
) -> None:  # fmt: skip
    cluster = {"InstanceType": deployed, "InstanceCount": 1}
    serving["ScoringJob"] = json.dumps(TEMPLATE | {"ProcessingResources": {"ClusterConfig": cluster}})
    assert score(str(pictures), *given) == 1
    assert said in capsys.readouterr().err
    assert not [key for key in aws.objects if key.startswith("scores/")]


def test_a_deploy_of_before_is_told_to_deploy(
    aws: Aws, serving: dict[str, str], pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del serving["ScoringJob"]
    assert score(str(pictures)) == 1
    assert "without scoring: make deploy" in capsys.readouterr().err


def test_a_quota_that_is_too_low_is_told_with_what_mends_it(
    aws: Aws, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = {"Code": "ResourceLimitExceeded", "Message": "The limit 'ml.m5.large for processing job usage' is 0."}
    aws.refusal = ClientError({"Error": error}, "CreateProcessingJob")
    assert score(str(pictures)) == 1
    assert "usage' is 0. make preflight has the command that asks for more" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        ("Failed", "AlgorithmError: See job logs", "failed: AlgorithmError: See job logs (the model is broken)"),
        ("Stopped", "", "stopped: it was stopped, or ran into its limit of time"),
    ],
)
def test_a_job_that_does_not_complete_is_told_with_its_log(
    aws: Aws, pictures: Path, capsys: pytest.CaptureFixture[str], status: str, reason: str, said: str
) -> None:
    aws.status, aws.reason = status, reason
    assert score(str(pictures)) == 1
    error = capsys.readouterr().err
    assert said in error
    assert "aws logs tail /aws/sagemaker/ProcessingJobs --log-stream-name-prefix slipway-prod-score-n1/" in error


def test_an_image_without_a_result_is_no_success(
    aws: Aws, pictures: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    aws.results = [[result("cat.jpg", "cat")]]
    assert score(str(pictures)) == 1
    assert "1 of 3 images have a result below s3://" in capsys.readouterr().err
    assert not (tmp_path / "out/scores/n1.jsonl").exists()


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("upload", "stopped; no job was started. What was uploaded lies below"),
        ("job", "job slipway-prod-score-n1 runs on and bills 0.12 $ an hour, until it is done; its results will be in"),
    ],
)
def test_ctrl_c_says_what_still_runs_and_how_to_end_it(
    aws: Aws, pictures: Path, capsys: pytest.CaptureFixture[str], when: str, said: str
) -> None:
    aws.interrupt = when
    assert score(str(pictures)) == 130
    error = capsys.readouterr().err
    assert said in error
    ends = "End it: aws sagemaker stop-processing-job --processing-job-name slipway-prod-score-n1"
    assert (ends in error) is (when == "job")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            '{"event": "scoring", "images": 1000, "processes": 2, "threads": 4}',
            ["algo-1 │ scores 1,000 images in 2 × 4 threads"],
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
