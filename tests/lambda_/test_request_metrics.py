"""Each request is one line of the log, of which CloudWatch makes metrics, and nothing that callers send is in it."""

import json
import time
from typing import Any

import pytest
from request_metrics import RequestMetrics

from tests.lambda_.classify_calls import PNG, Aws, answer, call
from tests.lambda_.servers import Server


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_every_request_is_one_line_that_cloudwatch_makes_metrics_of(
    server: Server, aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    """As "Specification: embedded metric format", CloudWatch user guide, has it."""
    aws.objects["/bucket/images/a.jpg"] = PNG
    answer({"s3": "s3://bucket/images/a.jpg"})
    [line] = lines(capsys)
    metadata = line.pop("_aws")
    assert abs(metadata["Timestamp"] / 1000 - time.time()) < 60
    for directive in metadata["CloudWatchMetrics"]:
        assert directive["Namespace"] == "Slipway/Classify"
        for name in (*directive["Dimensions"][0], *(metric["Name"] for metric in directive["Metrics"])):
            assert name in line
        for metric in directive["Metrics"]:
            assert isinstance(line[metric["Name"]], int | float)
    assert 0 < line.pop("FetchMilliseconds") < line["TotalMilliseconds"]
    assert 0 < line.pop("EndpointMilliseconds") < line.pop("TotalMilliseconds")
    assert line == {
        "FunctionName": "slipway-dev-classify", "Code": "OK", "Source": "s3", "Status": 200,
        "RequestId": "a-request", "Requests": 1, "Failures": 0, "ImageBytes": len(PNG),
    }  # fmt: skip


def test_errors_are_counted_by_code(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    call(b"%PDF-1.7")
    [line] = lines(capsys)
    assert (line["Code"], line["Status"], line["Requests"]) == ("UnsupportedImage", 415, 1)
    [overall, by_code] = line["_aws"]["CloudWatchMetrics"]
    assert (overall["Dimensions"], by_code["Dimensions"]) == ([["FunctionName"]], [["FunctionName", "Code"]])
    assert [metric["Name"] for metric in by_code["Metrics"]] == ["Requests"]


@pytest.mark.parametrize(
    ("status", "code", "failures"),
    [
        (502, "Internal", 1), (502, "EndpointUnavailable", 1), (504, "EndpointTimeout", 1), (502, "S3Unavailable", 1),
        (504, "S3Timeout", 1), (502, "UrlUnreachable", 0), (504, "UrlTimeout", 0), (429, "TooManyRequests", 0),
        (400, "S3NotFound", 0), (200, "OK", 0), (503, "EndpointOff", 0),
    ],
)  # fmt: skip
def test_a_failure_of_ours_is_counted_and_a_callers_is_not(
    capsys: pytest.CaptureFixture[str], status: int, code: str, failures: int
) -> None:
    RequestMetrics().write(function="f", request_id="r", source="url", status=status, code=code)
    [line] = lines(capsys)
    assert line["Failures"] == failures
    assert {"Name": "Failures", "Unit": "Count"} in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]


@pytest.mark.parametrize(
    "event", [{"url": "https://u:secret@x.example.com/?t=secret"}, {"s3": "s3://b/secret"}, "secret"]
)
def test_nothing_that_callers_send_is_logged(
    server: Server, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, event: Any
) -> None:
    answer(event)
    assert "secret" not in caplog.text + capfd.readouterr().out
