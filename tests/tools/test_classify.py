"""`make classify`: a file, a URL or an S3 address through the deployed function, and what it says about errors."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tools import classify
from tools.classify import main

PREDICTIONS = [{"label": "cat", "probability": 0.98}, {"label": "Ölkanne", "probability": 0.02}]
SUCCESS = {"statusCode": 200, "body": json.dumps({"predictions": PREDICTIONS, "model": "9f2c" * 16})}


class Lambda:
    """Answers every call alike, and keeps its events."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.events = answer, list[Any]()

    def invoke(self, *, FunctionName: str, Qualifier: str, Payload: bytes) -> Any:
        assert (FunctionName, Qualifier) == ("slipway-prod-classify", "live")
        self.events.append(json.loads(Payload))
        if isinstance(self.answer, Exception):
            raise self.answer
        body = json.dumps(self.answer).encode()
        return {"Payload": type("Body", (), {"read": lambda _: body})()}


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Any], Lambda]:
    def answer(content: Any = SUCCESS) -> Lambda:
        lambda_ = Lambda(content)
        monkeypatch.setenv("SLIPWAY_STAGES", str(tmp_path / "stages"))
        monkeypatch.setattr(boto3, "client", lambda *_, **__: lambda_)
        monkeypatch.setattr(classify, "require_aws", lambda: None)
        serving = {"FunctionName": "slipway-prod-classify", "S3Images": "s3://b/images/"}
        monkeypatch.setattr(classify, "outputs", {"slipway-prod-serving": serving}.__getitem__)
        return lambda_

    return answer


PROD = ("--settings", "stage=prod")


def test_it_prints_labels_probabilities_latency_and_the_model_file(
    answering: Callable[..., Lambda], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a cat.jpg").write_bytes(b"\xff\xd8\xff")
    lambda_ = answering()
    assert main([str(tmp_path / "a cat.jpg"), *PROD]) == 0
    assert lambda_.events == [{"image": base64.b64encode(b"\xff\xd8\xff").decode()}]
    cat, can, last = capsys.readouterr().out.splitlines()
    assert (cat, can) == ("cat       98.0%", "Ölkanne    2.0%")
    assert last.startswith("in ") and last.endswith(" ms, by the model file 9f2c9f2c9f2c")


@pytest.mark.parametrize(
    ("image", "event"),
    [
        ("https://example.org/cat.jpg", {"url": "https://example.org/cat.jpg"}),
        ("http://example.org/cat.jpg", {"url": "http://example.org/cat.jpg"}),  # refused by the function, with why
        ("s3://b/images/cat.jpg", {"s3": "s3://b/images/cat.jpg"}),
    ],
)
def test_an_address_is_read_by_the_function(
    answering: Callable[..., Lambda], image: str, event: dict[str, Any]
) -> None:
    lambda_ = answering()
    assert main([image, "--labels", "3", *PROD]) == 0
    assert lambda_.events == [event | {"k": 3}]


def test_for_programs_it_is_one_json_object(
    answering: Callable[..., Lambda], capsys: pytest.CaptureFixture[str]
) -> None:
    answering()
    assert main(["s3://b/images/cat.jpg", "--json", *PROD]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer.pop("milliseconds") >= 0
    assert answer == {"predictions": PREDICTIONS, "model": "9f2c" * 16}


def _error(status: int, code: str, message: str) -> dict[str, Any]:
    return {"statusCode": status, "body": json.dumps({"error": {"code": code, "message": message}})}


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (_error(415, "UnsupportedImage", "not an image"), "not an image (415 UnsupportedImage, see docs/api.md)"),
        (
            _error(400, "S3NotAllowed", "not there"),
            "not there; its folder is s3://b/images/ (400 S3NotAllowed, see docs/api.md)",
        ),
        ({"errorMessage": "Task timed out"}, "the function did not answer: Task timed out"),
        (
            ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke"),
            "all concurrent calls that the function may have are in use: try again in a moment",
        ),
    ],
)
def test_an_error_is_one_line_in_plain_words(
    answering: Callable[..., Lambda], answer: Any, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answering(answer)
    assert main(["s3://b/cat.jpg", *PROD]) == 1
    assert capsys.readouterr().err == f"error: {line}\n"


def test_a_file_that_is_missing_or_larger_than_lambda_takes_is_refused_without_a_call(
    answering: Callable[..., Lambda], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """6 MB (6,291,456 bytes in Lambda's error) for a synchronous request: "Lambda quotas", Lambda developer guide."""
    lambda_ = answering()
    assert main([str(tmp_path / "none.jpg"), *PROD]) == 1
    assert capsys.readouterr().err == f"error: {tmp_path / 'none.jpg'}: No such file or directory\n"
    (tmp_path / "large.jpg").write_bytes(bytes(4_720_000))
    assert main([str(tmp_path / "large.jpg"), *PROD]) == 1
    assert "has over 4.7 MB, more than Lambda takes in a call" in capsys.readouterr().err
    assert lambda_.events == []
    (tmp_path / "large.jpg").write_bytes(bytes(4_700_000))
    assert main([str(tmp_path / "large.jpg"), *PROD]) == 0
