"""Upload: whole or not at all, once, and honest about what went wrong."""

import json
import socket
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.waiting import until
from tools.dataset import __main__ as command
from tools.dataset import upload as uploading
from training.folder import digest, inspect


class Bucket:
    """The two calls of S3 that an upload makes, on a dictionary; `refuse` names a key part that fails."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.order: list[str] = []
        self.refuse: str | None = None
        self.meta = type("Meta", (), {"endpoint_url": "https://s3"})

    def list_objects_v2(self, *, Bucket: str, Prefix: str, MaxKeys: int) -> dict[str, Any]:
        if Bucket != "pictures":
            raise ClientError({"Error": {"Code": "NoSuchBucket"}}, "ListObjectsV2")
        return {"KeyCount": min(MaxKeys, sum(key.startswith(Prefix) for key in self.objects))}

    def put_object(self, *, Bucket: str, Key: str, Body: Any) -> None:
        if self.refuse and self.refuse in Key:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject")
        self.objects[Key] = Body if isinstance(Body, bytes) else Body.read()
        self.order.append(Key)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    bucket = Bucket()
    monkeypatch.setattr(boto3, "client", lambda *_, **__: bucket)
    return bucket


@pytest.fixture(autouse=True)
def deployed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Outputs of the storage stack of stage test."""
    outputs = {"BucketName": "pictures"}
    monkeypatch.setattr(command, "require_aws", lambda: ("000000000000", "us-east-1"))
    monkeypatch.setattr(command, "outputs", {"slipway-test-storage": outputs}.__getitem__)
    return outputs


def upload(folder: Path, *options: str) -> int:
    return command.main(["upload", str(folder), "-c", "stage=test", *options])


def test_images_lie_under_their_digest_and_the_manifest_comes_last(
    images: Path, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    assert upload(images) == 0
    name = digest(inspect(images))
    said = capsys.readouterr()
    assert said.out == f"{name}\n"
    assert f'make deploy SETTINGS="stage=test dataset={name}"' in said.err
    assert set(bucket.objects) == {f"data/{name}/manifest.json"} | {
        f"data/{name}/{split}/{label}/0.png" for split in ("train", "valid", "test") for label in ("dark", "light")
    }
    assert bucket.order[-1] == f"data/{name}/manifest.json"
    image = images / "test" / "dark" / "0.png"
    assert bucket.objects[f"data/{name}/test/dark/0.png"] == image.read_bytes()
    assert json.loads(bucket.objects[bucket.order[-1]]) == {
        "classes": ["dark", "light"],
        "digest": name,
        "images": {"train": 2, "valid": 2, "test": 2},
    }


def test_for_programs_it_prints_the_manifest(images: Path, bucket: Bucket, capsys: pytest.CaptureFixture[str]) -> None:
    assert upload(images, "--json") == 0
    assert json.loads(capsys.readouterr().out) == json.loads(bucket.objects[bucket.order[-1]])


def test_what_is_there_is_not_uploaded_again(images: Path, bucket: Bucket, capsys: pytest.CaptureFixture[str]) -> None:
    upload(images)
    uploaded = len(bucket.order)
    assert upload(images) == 0
    assert len(bucket.order) == uploaded
    assert len(set(capsys.readouterr().out.splitlines())) == 1


def test_an_upload_that_broke_off_is_done_again(
    images: Path, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.refuse = "test/dark"
    assert upload(images) == 1
    assert "access to bucket pictures denied" in capsys.readouterr().err
    assert not any(key.endswith("manifest.json") for key in bucket.objects)
    bucket.refuse = None
    assert upload(images) == 0
    assert len(bucket.objects) == 7


def test_ctrl_c_uploads_no_further_image(
    images: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waited: list[Future[None]] = []

    def interrupted(uploads: list[Future[None]], **_: object) -> None:
        waited.extend(uploads)
        raise KeyboardInterrupt

    put = bucket.put_object

    def put_slowly(**object: Any) -> None:
        until(lambda: waited and waited[-1].cancelled())
        put(**object)

    monkeypatch.setattr(uploading, "THREADS", 1)
    monkeypatch.setattr(uploading, "wait", interrupted)
    monkeypatch.setattr(bucket, "put_object", put_slowly)
    assert upload(images) == 130
    assert capsys.readouterr().err.endswith("stopped\n")
    assert len(bucket.objects) == 1


def test_a_folder_with_a_problem_is_not_uploaded(images: Path, bucket: Bucket) -> None:
    (images / "valid" / "dark" / "0.png").write_bytes(b"x")
    assert upload(images) == 1
    assert bucket.objects == {}


def test_a_missing_bucket(
    images: Path, bucket: Bucket, deployed: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    deployed["BucketName"] = "none"
    assert upload(images) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "error: no bucket none: run make deploy first"


def test_no_credentials(
    images: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for variable in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(variable, str(tmp_path / "none"))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    assert upload(images) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: no AWS credentials: sign in")


def test_an_endpoint_that_does_not_answer(
    images: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    assert upload(images) == 1
    assert f"error: nothing answers at {endpoint}" in capsys.readouterr().err
