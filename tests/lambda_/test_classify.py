"""An image in, labels out; and for everything else one status and one clear message.

The endpoint and S3 are real HTTP servers on loopback, reached as a local AWS is.
"""

import base64
import http.client
import json
import socket
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import classify
import pytest

from tests.lambda_.classify_calls import HEIC, JPEG, LABELS, PNG, WEBP, Aws, answer, call, context, error
from tests.lambda_.servers import Server, reply
from tests.waiting import until


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (JPEG, "image/jpeg"), (PNG, "image/png"), (WEBP, "image/webp"), (b"GIF89a...", "image/gif"),
        (b"BM......", "image/bmp"), (b"II*\0....", "image/tiff"), (b"MM\0*....", "image/tiff"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0avif", "image/avif"),
    ],
)  # fmt: skip
def test_an_image_is_classified(server: Server, content: bytes, content_type: str) -> None:
    assert call(content) == (200, LABELS)
    assert server.requests == ["POST /endpoints/slipway-dev-0000/invocations"]
    assert server.bodies == [content]
    [headers] = server.headers
    assert (headers["content-type"], headers["accept"]) == (content_type, "application/json")
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
    assert headers["x-amz-security-token"] == "token"


def test_the_endpoint_is_asked_for_as_many_labels_as_the_caller_wants(server: Server) -> None:
    call(k=1)
    call()

    asked, not_asked = server.headers
    assert asked["x-amzn-sagemaker-custom-attributes"] == "k=1"
    assert "x-amzn-sagemaker-custom-attributes" not in not_asked


def test_a_proxys_event_is_answered_like_a_call(server: Server) -> None:
    event = {
        "requestContext": {}, "headers": {"content-type": "image/jpeg"},
        "body": base64.b64encode(JPEG).decode(), "isBase64Encoded": True,
    }  # fmt: skip
    assert answer(event) == (200, LABELS)


def test_a_load_balancer_with_multi_value_headers_gets_such_headers(server: Server) -> None:
    """ "You must use multiValueHeaders if you have enabled multi-value headers and headers otherwise": "Use Lambda
    functions as targets of an Application Load Balancer", Elastic Load Balancing user guide."""
    event = {
        "requestContext": {"elb": {}}, "multiValueHeaders": {"content-type": ["image/jpeg"]},
        "body": base64.b64encode(JPEG).decode(), "isBase64Encoded": True,
    }  # fmt: skip
    response = classify.handler(event, context())
    assert response.pop("body") == json.dumps(LABELS)
    multi = {"Content-Type": ["application/json"]}
    assert response == {"statusCode": 200, "multiValueHeaders": multi, "isBase64Encoded": False}


@pytest.mark.parametrize("service", ["s3", "sqs", "sns"])
def test_an_event_of_a_service_is_an_error_so_that_lambda_tries_again_and_loses_nothing(
    server: Server, service: str
) -> None:
    """A returned value, whatever its statusCode, counts as done: "How Lambda handles errors and retries with
    asynchronous invocation" and "Handling errors for an SQS event source in Lambda", Lambda developer guide."""
    with pytest.raises(classify.UnsupportedEventSource, match=f"^aws:{service} sent an event .*Classify on upload"):
        answer({"Records": [{"eventSource": f"aws:{service}"}]})
    assert server.requests == []


def test_the_endpoint_is_not_the_callers_to_choose(server: Server) -> None:
    call(EndpointName="other", endpoint="other")
    assert server.requests == ["POST /endpoints/slipway-dev-0000/invocations"]


@pytest.mark.parametrize(
    ("content", "refused"),
    [
        *((JPEG + b"\0" * more, (413, "ImageTooLarge")) for more in (37, 1000)),
        *((b, (415, "UnsupportedImage")) for b in (HEIC, b"<html>", b"%PDF-1.7", b"\xff\xd8", b"RIFF1234WAVE")),
    ],
)
def test_a_bad_image_never_reaches_the_endpoint(server: Server, content: bytes, refused: tuple[int, str]) -> None:
    assert error(call(content)) == refused
    assert server.requests == []


def test_an_image_at_the_limit_is_taken(server: Server) -> None:
    assert call(JPEG.ljust(100, b"\0"))[0] == 200


# ---------------------------------------------------------------------- images elsewhere


def test_an_image_in_s3_is_read_from_the_agreed_folder(server: Server, aws: Aws) -> None:
    aws.objects["/bucket/images/a%20b/%C3%BC.jpg"] = PNG
    assert answer({"s3": "s3://bucket/images/a b/ü.jpg"}) == (200, LABELS)
    assert server.bodies == [b"", PNG]


@pytest.mark.parametrize(
    "address",
    [
        *("s3://bucket/models/m.tar.gz", "s3://other/images/a.jpg", "s3://bucket/images", "https://bucket/images/a"),
        *("s3://bucket/images/\ud800", "s3://bucket/images/a\udfff.jpg"),
        *("s3://bucket/images/../models/m", "s3://bucket/images/./a", "s3://bucket/images/" + "a" * 1024, "images/a"),
    ],
)
def test_no_other_address_in_s3_is_read(server: Server, address: str) -> None:
    assert error(answer({"s3": address})) == (400, "S3NotAllowed")
    assert server.requests == []


def test_without_a_folder_no_image_in_s3_is_read(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_IMAGES", "")
    assert error(answer({"s3": "s3://bucket/images/a.jpg"})) == (400, "S3NotAllowed")


@pytest.mark.parametrize(
    ("stored", "refused"),
    [
        (403, (400, "S3NotFound")), (404, (400, "S3NotFound")), (503, (502, "S3Unavailable")),
        (JPEG + b"\0" * 37, (413, "ImageTooLarge")), (b"text", (415, "UnsupportedImage")),
    ],
)  # fmt: skip
def test_an_object_that_is_no_image(server: Server, aws: Aws, stored: Any, refused: tuple[int, str]) -> None:
    aws.objects["/bucket/images/a.jpg"] = stored
    assert error(answer({"s3": "s3://bucket/images/a.jpg"})) == refused


def test_an_image_by_url_is_fetched_then_classified(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetching has its tests in test_url_image.py."""
    fetched: list[str] = []

    def read(url: str, *, seconds: float) -> bytes:
        assert 0 < seconds <= 5
        fetched.append(url)
        return PNG

    monkeypatch.setattr(classify._url_images(), "read", read)
    assert answer({"url": "https://img.example.com/a.png"}) == (200, LABELS)
    assert (fetched, server.bodies) == (["https://img.example.com/a.png"], [PNG])


def test_the_setting_says_which_hosts_urls_may_name(server: Server) -> None:
    assert error(answer({"url": "https://example.org/a.png"})) == (400, "UrlNotAllowed")


@pytest.mark.parametrize(
    "url",
    ["https://a.example.com/\ud800", "https://\ud800.example.com/", "https://[x", "https://a.example.com:\u0664/"],
)
def test_a_url_that_is_none_is_the_callers_fault_not_ours(server: Server, url: str) -> None:
    assert error(answer(json.loads(json.dumps({"url": url})))) == (400, "BadUrl")


# ---------------------------------------------------------------------- the endpoint


def aws_error(status: int, code: str, message: str = "No endpoint in 123456789012.") -> tuple:
    return status, {"message": message}, {"x-amzn-errortype": f"{code}:http://internal.amazon.com/"}


def model_error(status: int, message: str) -> tuple:
    body = {"ErrorCode": "x", "Message": "arn: 123456789012", "OriginalStatusCode": status, "OriginalMessage": message}
    return 424, body, {"x-amzn-errortype": "ModelError"}


@pytest.mark.parametrize(("status", "told"), [(400, 422), (422, 422), (413, 413), (415, 415)])
def test_what_the_model_says_of_the_image_is_handed_on(server: Server, aws: Aws, status: int, told: int) -> None:
    said = {"error": {"code": "NotAnImage", "message": "the image is truncated"}}
    aws.answers = [model_error(status, json.dumps(said))]
    assert call() == (told, said)


@pytest.mark.parametrize("message", ["plain text", "[]", '{"detail": "x"}', '{"error": "x"}'])
def test_a_refusal_that_cannot_be_read_keeps_its_status(server: Server, aws: Aws, message: str) -> None:
    aws.answers = [model_error(413, message)]
    assert error(call()) == (413, "ImageRefused")


LATE, BUSY, UNUSABLE = (504, "EndpointTimeout"), (429, "TooManyRequests"), (502, "EndpointUnavailable")


@pytest.mark.parametrize(
    ("answered", "refused", "tries"),
    [
        (model_error(500, "Traceback …"), UNUSABLE, 1),
        (model_error(404, "no such path"), UNUSABLE, 1),
        (model_error(429, "busy"), BUSY, 1),
        (model_error(503, ""), UNUSABLE, 2),  # nothing listens
        (model_error(0, "timed out while waiting for a response from container primary"), LATE, 2),
        (model_error(504, "late"), LATE, 1),
        ((424, b"not json", {}), UNUSABLE, 1),
        (aws_error(400, "ThrottlingException"), BUSY, 2),
        (aws_error(429, "TooManyRequestsException"), BUSY, 2),
        (aws_error(503, "ServiceUnavailable"), UNUSABLE, 2),
        (aws_error(500, "InternalFailure"), UNUSABLE, 2),
        (aws_error(400, "ValidationError"), UNUSABLE, 1),  # the endpoint was deleted
        (aws_error(403, "AccessDeniedException", "arn:aws:sts::123456789012:…"), UNUSABLE, 1),
        ((200, b"not json", {}), UNUSABLE, 1),
        ((200, [], {}), UNUSABLE, 1),
        ((200, {"predictions": 1}, {}), UNUSABLE, 1),
    ],
)  # fmt: skip
def test_a_failing_endpoint_is_a_status_and_nothing_internal(
    server: Server, aws: Aws, answered: tuple, refused: tuple[int, str], tries: int
) -> None:
    aws.answers = [answered]
    assert error(call()) == refused
    assert len(server.requests) == tries


def test_a_throttled_call_is_tried_once_more(server: Server, aws: Aws) -> None:
    aws.answers = [aws_error(400, "ThrottlingException"), (200, LABELS, {})]
    assert call() == (200, LABELS)


def test_a_container_that_is_back_in_a_moment_costs_the_caller_nothing(server: Server, aws: Aws) -> None:
    aws.answers = [model_error(503, ""), (200, LABELS, {})]
    assert call() == (200, LABELS)


def test_a_slow_endpoint_is_given_up_within_the_functions_time(
    server: Server, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.seconds = 3
    monkeypatch.setenv("ENDPOINT_TIMEOUT_SECONDS", "0.6")
    assert error(answer({"image": base64.b64encode(JPEG).decode()}, seconds=2)) == LATE
    until(lambda: server.requests)
    assert len(server.requests) == 1  # for a second try no time was left


def test_an_endpoint_out_of_reach(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:  # bound, so that no one else listens there
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        assert error(call()) == UNUSABLE


# ---------------------------------------------------------------------- the connection


def test_one_connection_serves_all_calls(server: Server) -> None:
    for _ in range(3):
        assert call()[0] == 200
    assert server.connections == 1


def test_a_kept_connection_that_died_is_replaced_without_anybody_noticing(
    server: Server, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call()[0] == 200
    kept = classify._endpoint()._service._connection
    kept.sock.shutdown(socket.SHUT_RDWR)
    assert call() == (200, LABELS)
    assert server.connections == 2


def test_after_an_answer_that_was_cut_short_nobody_gets_the_rest_of_it(server: Server, aws: Aws) -> None:
    aws.objects["/bucket/images/a.jpg"] = JPEG + b"\0" * 2**20
    assert error(answer({"s3": "s3://bucket/images/a.jpg"})) == (413, "ImageTooLarge")
    aws.objects["/bucket/images/a.jpg"] = JPEG
    assert answer({"s3": "s3://bucket/images/a.jpg"}) == (200, LABELS)


def test_an_object_that_breaks_off_is_not_classified(server: Server, aws: Aws) -> None:
    def cut(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.close_connection = True
        reply(handler, 200, JPEG, **{"Content-Length": "90"})

    server.answer = cut
    assert error(answer({"s3": "s3://bucket/images/a.jpg"})) == (502, "S3Unavailable")


@pytest.mark.parametrize(
    ("service", "host"),
    [
        ("_endpoint", "runtime.sagemaker.cn-north-1.amazonaws.com.cn"),
        ("_s3_images", "bucket.s3.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_on_aws_the_services_have_names_of_the_region(
    server: Server, monkeypatch: pytest.MonkeyPatch, service: str, host: str
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_REGION", "cn-north-1")
    monkeypatch.setenv("URL_SUFFIX", "amazonaws.com.cn")
    made = getattr(classify, service)()._service
    assert made.host == host
    assert isinstance(made._connection, http.client.HTTPSConnection)


def test_a_fault_of_ours_tells_the_caller_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("arn:aws:iam::123456789012:role/x")

    monkeypatch.setattr(classify, "_endpoint", broken)
    assert error(call()) == (502, "Internal")


def test_without_an_endpoint_it_says_that_it_is_off_and_fetches_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENDPOINT_NAME", "")
    assert error(answer({"url": "https://images.example.org/cat.jpg"})) == (503, "EndpointOff")


def test_boto3_is_not_imported() -> None:
    code = "import classify, sys; print([m for m in ('boto3', 'botocore', 'urllib3', 'url_image') if m in sys.modules])"
    command = [sys.executable, "-c", code]
    folder = Path(classify.__file__).parent
    assert subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout == "[]\n"
