"""A captured call is a line in SageMaker's format, with the parts that the configuration selects."""

import base64
import datetime
import json
from typing import Any

import pytest

from local_aws.sagemaker.data_capture import CapturedCall, DataCapture, line, summary

AT = datetime.datetime(2026, 1, 31, 12, 0, 5, tzinfo=datetime.UTC)
CALL = CapturedCall("image/jpeg", b"\xff\xd8", "application/json; charset=utf-8", b'{"a": 1}', identity="abc")
BOTH = [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]


def captured(options: list[dict[str, str]] = BOTH, **headers: list[str]) -> dict[str, Any]:
    return dict(json.loads(line(CALL, {"CaptureOptions": options, "CaptureContentTypeHeader": headers}, AT)))


def test_a_line_has_the_call_and_when_it_was() -> None:
    assert captured(JsonContentTypes=["application/json"]) == {
        "captureData": {
            "endpointInput": {
                "observedContentType": "image/jpeg",
                "mode": "INPUT",
                "data": base64.b64encode(b"\xff\xd8").decode(),
                "encoding": "BASE64",
            },
            "endpointOutput": {
                "observedContentType": "application/json; charset=utf-8",
                "mode": "OUTPUT",
                "data": '{"a": 1}',
                "encoding": "JSON",
            },
        },
        "eventMetadata": {"eventId": "abc", "inferenceTime": "2026-01-31T12:00:05Z"},
        "eventVersion": "0",
    }


@pytest.mark.parametrize(
    ("mode", "sides"),
    [
        ("Input", {"endpointInput"}),
        ("Output", {"endpointOutput"}),
        ("InputAndOutput", {"endpointInput", "endpointOutput"}),
    ],
)
def test_only_the_sides_that_are_asked_for_are_kept(mode: str, sides: set[str]) -> None:
    assert set(captured([{"CaptureMode": mode}])["captureData"]) == sides


def test_nothing_is_text_unless_its_type_is_named() -> None:
    assert captured()["captureData"]["endpointOutput"]["encoding"] == "BASE64"


def test_without_a_configuration_or_with_capture_off_nothing_is_kept() -> None:
    variants = [{"VariantName": "live"}]
    off = {
        "EnableCapture": False,
        "InitialSamplingPercentage": 5,
        "DestinationS3Uri": "s3://b/c",
        "CaptureOptions": BOTH,
    }
    assert summary({"ProductionVariants": variants}) is None
    for config in ({"ProductionVariants": variants}, {"ProductionVariants": variants, "DataCaptureConfig": off}):
        assert DataCapture.of("toy", config, role=None) is None  # type: ignore[arg-type]
    assert summary({"DataCaptureConfig": off}) == {
        "EnableCapture": False,
        "CaptureStatus": "Stopped",
        "CurrentSamplingPercentage": 5,
        "DestinationS3Uri": "s3://b/c",
        "KmsKeyId": "",
    }
