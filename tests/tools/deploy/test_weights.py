"""`make weights`: what is uploaded is checked, named by its digest, and what to do is said where it cannot be."""

import hashlib
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
import torch
import torchvision
from botocore.exceptions import ClientError

from tools.deploy import weights
from tools.preflight import NotReady
from training.errors import InputError

BUCKET = "slipway-dev-123456789012-eu-west-1"


class Bucket:
    """The two calls of S3 that an upload makes, on a dictionary."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.uploads = 0
        self.meta = type("Meta", (), {"endpoint_url": "https://s3"})

    def list_objects_v2(self, *, Bucket: str, Prefix: str, MaxKeys: int) -> dict[str, Any]:
        if Bucket != BUCKET:
            raise ClientError({"Error": {"Code": "NoSuchBucket"}}, "ListObjectsV2")
        return {"KeyCount": min(MaxKeys, sum(key.startswith(Prefix) for key in self.objects))}

    def upload_file(self, path: str, bucket: str, key: str, *, Callback: Callable[[int], None]) -> None:
        self.objects[key] = Path(path).read_bytes()
        self.uploads += 1
        Callback(len(self.objects[key]))


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    bucket = Bucket()
    monkeypatch.setattr(boto3, "client", lambda *_, **__: bucket)
    monkeypatch.setattr(weights, "require_aws", lambda: ("123456789012", "eu-west-1"))
    return bucket


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.save(torchvision.models.resnet18().state_dict(), tmp_path / "resnet18.pth")
    return tmp_path / "resnet18.pth"


@pytest.fixture
def backbone(tmp_path: Path) -> Path:
    flat = torch.nn.Sequential(torch.nn.AvgPool2d(16), torch.nn.Flatten())
    axes = {"images": {0: "n"}, "features": {0: "n"}}
    torch.onnx.export(
        flat, (torch.zeros(1, 3, 16, 16),), str(tmp_path / "own.onnx"), dynamo=False,
        input_names=["images"], output_names=["features"], dynamic_axes=axes,
    )  # fmt: skip
    return tmp_path / "own.onnx"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["weights", *arguments])
    return weights.main()


def test_a_file_lies_under_its_digest_once_and_the_settings_are_printed(
    bucket: Bucket, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert run(monkeypatch, "resnet18", "--file", str(file)) == 0
    [(key, content)] = bucket.objects.items()
    digest = hashlib.sha256(content).hexdigest()
    assert (key, bucket.uploads) == (f"weights/{digest}/weights.safetensors", 1)
    said = f'SETTINGS="architecture=resnet18 weights={digest} trainable=head image_size=224"'
    assert capsys.readouterr().out.splitlines() == [said, said]


def test_a_backbone_is_uploaded_for_its_heads(
    bucket: Bucket, backbone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--file", str(backbone)) == 0
    [key] = bucket.objects
    settings = f"architecture=onnx weights={key.split('/')[1]} trainable=head image_size=16"
    assert capsys.readouterr().out == f'SETTINGS="{settings}"\n'


def test_a_folder_takes_the_file_and_needs_no_aws(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(weights, "require_aws", lambda: pytest.fail("it asks AWS"))
    assert run(monkeypatch, "resnet18", "--file", str(file), "--to", str(tmp_path / "made")) == 0
    path = tmp_path / "made" / "resnet18.safetensors"
    flags = f"--architecture resnet18 --image-size 224 --trainable head --weights {path}"
    assert capsys.readouterr().out == f'ARGS="{flags}"\n'
    assert path.is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["resnet10"], "torchvision has no weights of resnet10: give yours as FILE=FILE.pth"),
        (["onnx"], "ARCH=onnx needs a backbone: give FILE=FILE.onnx"),
        (["resnet18", "--file", "BACKBONE"], "is a backbone of its own: leave out ARCH=resnet18"),
    ],
)
def test_what_has_no_weights_is_refused(
    backbone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run(monkeypatch, *[str(backbone) if word == "BACKBONE" else word for word in arguments]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("name", "said"), [("convnext_tyny", "did you mean convnext_tiny"), ("vit_h_14", "2.4 GiB")])
def test_an_unknown_network_gets_near_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, name)
    assert said in capsys.readouterr().err


def test_weights_of_another_network_are_not_uploaded(
    bucket: Bucket, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "resnet50", "--file", str(file)) == 1
    assert "the weights are not of resnet50" in capsys.readouterr().err
    assert not bucket.objects


def test_without_a_bucket_it_says_what_to_deploy(
    bucket: Bucket, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "resnet18", "--file", str(file), "-c", "stage=other") == 1
    assert (
        "no bucket slipway-other-123456789012-eu-west-1: run make deploy first, with the same SETTINGS"
        in capsys.readouterr().err
    )


def test_without_aws_it_says_how_to_get_one(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise NotReady("no AWS to deploy to")

    monkeypatch.setattr(weights, "require_aws", fail)
    assert run(monkeypatch, "resnet18", "--file", str(file)) == 1
    assert "no AWS to deploy to" in capsys.readouterr().err


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Files on the network by their URL's last part; torch's cache is `tmp_path`."""
    files: dict[str, bytes] = {}

    class Answer(io.BytesIO):
        @property
        def headers(self) -> dict[str, str]:
            return {"Content-Length": str(len(self.getvalue()))}

    def urlopen(url: str, timeout: float) -> Answer:
        try:
            return Answer(files[url.rpartition("/")[2]])
        except KeyError:
            raise OSError("Name or service not known") from None

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(weights.urllib.request, "urlopen", urlopen)
    return files


def test_offline_it_names_the_file_to_fetch(served: dict[str, bytes]) -> None:
    wanted = (
        r"cannot download https://.*/resnet50-11ad3fa6\.pth .*repeat this with ARCH=resnet50 FILE=resnet50-11ad3fa6"
    )
    with pytest.raises(InputError, match=wanted):
        weights.download("resnet50")


def test_a_file_in_the_cache_is_used_if_its_digest_begins_as_its_name_says(
    served: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "checkpoints" / "resnet18-f37072fd.pth"
    file.parent.mkdir()
    file.write_bytes(b"cut short")
    served[file.name] = b"whole"
    monkeypatch.setattr(weights, "sha256_of", lambda path: "f37072fd11" if path.read_bytes() == b"whole" else "00")
    assert weights.download("resnet18").read_bytes() == b"whole"
    served.clear()
    assert weights.download("resnet18").read_bytes() == b"whole"


def test_a_download_that_arrives_damaged_is_not_kept(served: dict[str, bytes], tmp_path: Path) -> None:
    served["resnet18-f37072fd.pth"] = b"damaged"
    with pytest.raises(InputError, match="damaged"):
        weights.download("resnet18")
    assert not (tmp_path / "checkpoints" / "resnet18-f37072fd.pth").exists()
