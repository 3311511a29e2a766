"""Upload: whole or not at all, once, and honest about what went wrong."""

import hashlib
import io
import json
import socket
import tarfile
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.tools.dataset.bucket import Bucket
from tests.waiting import until
from tools.dataset import __main__ as command
from tools.dataset import upload as uploading
from tools.dataset.shards import shards
from training.folder import digest, inspect


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
    assert set(bucket.objects) == {f"data/{name}/manifest.json", f"data/{name}/files.jsonl"} | {
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
    before = set(bucket.objects)
    assert upload(images) == 0
    assert len(bucket.objects) == 8
    assert not before & set(bucket.order[len(before) :])  # what was there is not uploaded again


def test_the_list_has_each_image_and_is_the_data_set_of_the_digest(images: Path, bucket: Bucket) -> None:
    """The digest is what `sha256sum` prints of its own lines for the images: nothing of ours is needed to check it."""
    assert upload(images) == 0
    [key] = [key for key in bucket.objects if key.endswith("files.jsonl")]
    listed = [json.loads(line) for line in bucket.objects[key].splitlines()]
    assert [each["path"] for each in listed] == sorted(each["path"] for each in listed)
    for each in listed:
        content = (images / each["path"]).read_bytes()
        assert each == {"path": each["path"], "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    lines = "".join(f"{each['sha256']}  {each['path']}\n" for each in listed)
    assert key == f"data/{hashlib.sha256(lines.encode()).hexdigest()}/files.jsonl"


def test_a_data_set_that_was_uploaded_before_there_were_lists_gets_one(images: Path, bucket: Bucket) -> None:
    assert upload(images) == 0
    key = bucket.order[-2]
    made = bucket.objects.pop(key)
    bucket.order.clear()
    assert upload(images) == 0
    assert (bucket.order, bucket.objects[key]) == ([key], made)


def test_an_image_that_changes_during_the_upload_ends_it(
    images: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = images / "test" / "dark" / "0.png"
    monkeypatch.setattr(command, "require_aws", lambda: changed.write_bytes(changed.read_bytes() + b"."))
    assert upload(images) == 1
    assert (
        "error: test/dark/0.png is not the image of files.jsonl: it was changed afterwards" in capsys.readouterr().err
    )
    assert not any(key.endswith("manifest.json") for key in bucket.objects)


class TestShards:
    def test_they_are_tars_with_the_images_under_the_digest_of_the_folder(self, images: Path, bucket: Bucket) -> None:
        assert upload(images, "-c", "image_layout=shards") == 0
        prefix = f"data/{digest(inspect(images))}/"
        assert bucket.order == [f"{prefix}{name}" for name in ("shards/00000.tar", "files.jsonl", "manifest.json")]
        with tarfile.open(fileobj=io.BytesIO(bucket.objects[f"{prefix}shards/00000.tar"])) as tar:
            members = {member.name: tar.extractfile(member) for member in tar}
        assert {name: file and file.read() for name, file in members.items()} == {
            path.relative_to(images).as_posix(): path.read_bytes() for path in images.rglob("*.png")
        }

    def test_auto_makes_them_of_many_images(
        self, images: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(uploading, "MANY_FILES", 6)
        assert upload(images) == 0
        assert len(bucket.objects) == 3

    def test_those_of_an_upload_that_broke_off_are_not_uploaded_again(
        self, images: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(uploading, "shards", partial(shards, max_bytes=1))
        bucket.refuse = "00003"
        assert upload(images, "-c", "image_layout=shards") == 1
        bucket.refuse = None
        before = set(bucket.objects)
        assert upload(images, "-c", "image_layout=shards") == 0
        assert len(bucket.objects) == 6 + 2
        assert not before & set(bucket.order[len(before) :])

    def test_the_rest_of_an_upload_in_the_other_layout_is_named_with_the_command_that_removes_it(
        self, images: Path, bucket: Bucket, capsys: pytest.CaptureFixture[str]
    ) -> None:
        bucket.refuse = "valid"
        assert upload(images) == 1
        bucket.refuse = None
        assert upload(images, "-c", "image_layout=shards") == 1
        prefix = f"s3://pictures/data/{digest(inspect(images))}/"
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.endswith(f"aws s3 rm --recursive {prefix}, then upload again")


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
    assert (
        capsys.readouterr().err.splitlines()[-1]
        == "error: no bucket none: run make deploy first, with the same SETTINGS"
    )


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
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with socket.socket() as closed:  # bound, so that no one else listens there
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        assert upload(images) == 1
    assert f"error: nothing answers at {endpoint}" in capsys.readouterr().err
