"""Models that were trained well and are broken afterwards, each in its way."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import boto3
import numpy as np
import onnx

from tools.stack import outputs

from .conftest import System


def without_numbers(name: str, file: bytes) -> bytes:
    """A network that loads and runs, and whose probabilities are no numbers."""
    if name != "model.onnx":
        return file
    model = onnx.load_from_string(file)
    bias = next(each for each in model.graph.initializer if each.data_type == onnx.TensorProto.FLOAT)
    broken = np.full(tuple(bias.dims), np.nan, np.float32)
    bias.CopyFrom(onnx.numpy_helper.from_array(broken, bias.name))
    return bytes(model.SerializeToString())


def digest_of(system: System, **changes: str) -> str:
    """The digest of the model that these settings make."""
    template = system.synthesize(**changes).template("trained-model")
    return str(template["Outputs"]["ModelDigest"]["Value"])


def keep_changed(digest: str, folder: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    """As if training had made the digest's model, but with each file of the archive changed; None leaves it out."""
    s3, bucket = boto3.client("s3"), outputs("e2e-dev-storage")["BucketName"]
    _, _, live = outputs("e2e-dev-serving")["ModelDataUrl"].removeprefix("s3://").partition("/")
    s3.download_file(bucket, live, str(folder / "whole.tar.gz"))
    with tarfile.open(folder / "whole.tar.gz") as whole, tarfile.open(folder / "model.tar.gz", "w:gz") as changed:
        for member in whole:
            file = whole.extractfile(member)
            content = change(member.name, file.read() if file else b"")
            if content is not None:
                member.size = len(content)
                changed.addfile(member, io.BytesIO(content))
    s3.upload_file(str(folder / "model.tar.gz"), bucket, f"models/{digest}/model.tar.gz")
    result = json.dumps({"job": "none", "test_accuracy": 1.0})
    s3.put_object(Bucket=bucket, Key=f"models/{digest}/result.json", Body=result.encode())
