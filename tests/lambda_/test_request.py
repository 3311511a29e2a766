"""Requests that callers may send, in every form; anything else is a clear 400, 413 or 415."""

import base64
import itertools
import json
from typing import Any

import pytest
from error_response import ErrorResponse
from request import Request, read_request, sending_service

JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 60
TEXT = base64.b64encode(JPEG).decode()
URL = "https://example.com/a.jpg"
WIDE_IMAGE = JPEG[:3] + b"\xfb\xef\xff" * 10 + b"\0"  # has + and / in base64, and two = at its end
WIDE = base64.b64encode(WIDE_IMAGE).decode()


def read(event: Any) -> Request:
    return read_request(event, max_bytes=100)


def refusal(event: Any) -> tuple[int, str]:
    with pytest.raises(ErrorResponse) as refused:
        read(event)
    assert str(refused.value)
    return refused.value.status, refused.value.code


def http(body: Any, content_type: str | None = "application/json", **more: Any) -> dict[str, Any]:
    """An event of an HTTP API (payload version 2.0), which a function URL's is like."""
    headers = {"content-type": content_type} if content_type else {}
    return {"version": "2.0", "headers": headers, "requestContext": {"http": {"method": "POST"}}, "body": body, **more}


def rest(body: Any, content_type: str = "application/json", **more: Any) -> dict[str, Any]:
    """An event of a REST API (payload version 1.0)."""
    headers = {"Content-Type": content_type}
    return {"httpMethod": "POST", "headers": headers, "requestContext": {"stage": "live"}, "body": body, **more}


@pytest.mark.parametrize(
    ("fields", "request_"),
    [
        ({"image": TEXT}, Request("image", JPEG, "", None)),
        ({"url": URL}, Request("url", b"", URL, None)),
        ({"s3": "s3://bucket/a.jpg"}, Request("s3", b"", "s3://bucket/a.jpg", None)),
        ({"url": URL, "k": 3}, Request("url", b"", URL, 3)),
        ({"url": URL, "image": None, "s3": "", "other": 1}, Request("url", b"", URL, None)),
    ],
)
def test_the_same_fields_come_directly_or_by_a_proxy(fields: dict[str, Any], request_: Request) -> None:
    text = json.dumps(fields)
    encoded = base64.b64encode(text.encode()).decode()
    assert read(fields) == request_
    assert read(http(text)) == request_
    assert read(rest(text)) == request_
    assert read(http(text, None)) == request_
    assert read(http(text, "application/json; charset=utf-8")) == request_
    assert read(http(encoded, isBase64Encoded=True)) == request_
    assert read(rest(text, headers=None, multiValueHeaders={"content-type": ["application/json"]})) == request_


@pytest.mark.parametrize("event", [http, rest])
def test_an_image_may_be_the_body(event: Any) -> None:
    assert read(event(TEXT, "image/jpeg", isBase64Encoded=True)) == Request("image", JPEG, "", None)
    asked = event(TEXT, "Image/PNG", isBase64Encoded=True, queryStringParameters={"k": "2"})
    assert read(asked) == Request("image", JPEG, "", 2)


def test_a_load_balancer_with_multi_value_headers_gives_lists() -> None:
    """ "Use Lambda functions as targets of an Application Load Balancer", Elastic Load Balancing user guide."""
    asked = {
        "requestContext": {"elb": {}}, "multiValueHeaders": {"content-type": ["image/jpeg"]},
        "multiValueQueryStringParameters": {"k": ["2"]}, "body": TEXT, "isBase64Encoded": True,
    }  # fmt: skip
    assert read(asked) == Request("image", JPEG, "", 2)


def test_an_image_that_a_proxy_took_for_text_is_refused_with_the_remedy() -> None:
    assert refusal(http("\x89PNG…", "image/png")) == (400, "NotBinary")


@pytest.mark.parametrize("body", [None, "", 5, {}, ["x"]])
def test_an_empty_body_is_told_what_to_send(body: Any) -> None:
    assert refusal(http(body)) == refusal(rest(body, "image/png", isBase64Encoded=True)) == (400, "MissingImage")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "multipart/form-data; boundary=x", "application/xml", "imagepng"]
)
def test_a_body_of_another_type_is_refused(content_type: str) -> None:
    assert refusal(http(TEXT, content_type)) == (415, "UnsupportedContentType")


@pytest.mark.parametrize("body", ["{", "image", "[" * 100_000])
def test_a_body_that_is_no_json_is_refused(body: str) -> None:
    assert refusal(http(body)) == (400, "NotJson")
    assert refusal(http("@", isBase64Encoded=True)) == (400, "NotJson")


def test_one_image_at_a_time() -> None:
    for first, second in itertools.combinations(("image", "url", "s3"), 2):
        assert refusal({first: TEXT, second: TEXT}) == (400, "AmbiguousImage")


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(WIDE[at : at + 20] for at in range(0, len(WIDE), 20)),
        base64.encodebytes(WIDE_IMAGE).decode().replace("\n", "\r\n"),
        f"  {WIDE}\n",
        f"data:image/jpeg;base64,{WIDE}",
        f"data:;BASE64,{WIDE}",
        f"data:image/svg+xml;charset=utf-8;base64,{WIDE}",
        base64.urlsafe_b64encode(WIDE_IMAGE).decode(),
        WIDE.rstrip("="),
        WIDE.replace("==", "="),
        base64.urlsafe_b64encode(WIDE_IMAGE).decode().rstrip("="),
    ],
    ids=[
        "lines", "lines of mail", "space around", "data URI", "short data URI", "data URI with parameters",
        "URL-safe", "no padding", "half of the padding", "URL-safe, no padding",
    ],
)  # fmt: skip
def test_base64_in_its_usual_forms_is_read(text: str) -> None:
    """RFC 4648, sections 4 and 5, RFC 2045 (lines) and RFC 2397 (data URIs)."""
    assert read({"image": text}).content == WIDE_IMAGE
    assert read(http(text, "image/jpeg", isBase64Encoded=True)).content == WIDE_IMAGE


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("not-base64!", "the character '!'"),
        ("ÿÿÿÿ", r"the character '\\xff'"),
        ("\ud800AAA", r"the character '\\ud800'"),
        ("AAAAA", "it was cut"),
        ("AA==AAAA", "= before its end"),
        (WIDE.replace("+", " "), "write \\+ as %2B"),
        ("data:image/png,AAAA", "data URI has no ;base64,"),
    ],
)
def test_what_is_not_base64_is_refused_with_what_is_wrong(text: str, why: str) -> None:
    assert refusal({"image": text}) == refusal(http(text, "image/png", isBase64Encoded=True)) == (400, "NotBase64")
    with pytest.raises(ErrorResponse, match=why):
        read({"image": text})


def test_more_text_than_an_image_may_have_is_not_decoded() -> None:
    assert refusal({"image": "@" * 137}) == (413, "ImageTooLarge")


def test_line_breaks_and_a_prefix_do_not_count_as_size() -> None:
    text = base64.encodebytes(b"\0" * 100).decode()
    assert len(text) > 136
    assert read({"image": f"data:image/png;base64,{text}"}).content == b"\0" * 100


@pytest.mark.parametrize("k", [0, -1, 1.5, True, "x", "0", "-1", "²", [], {}])
def test_a_number_of_labels_that_is_none_is_refused(k: Any) -> None:
    assert refusal({"image": TEXT, "k": k}) == (400, "BadK")


ODD: list[Any] = [None, True, 0, 1.5, "", "text", [], [{}], {}, {"image": None}, {"Image": TEXT}, {"k": 1}]


@pytest.mark.parametrize(
    "event", [*ODD, *({name: odd} for name in ("image", "url", "s3") for odd in ODD[1:-1] if odd != "text")]
)
def test_an_event_of_any_other_shape_is_told_what_to_send(event: Any) -> None:
    assert refusal(event) == (400, "MissingImage")


@pytest.mark.parametrize("odd", ODD[:9])
@pytest.mark.parametrize("part", ["headers", "body", "queryStringParameters", "requestContext", "isBase64Encoded"])
def test_a_proxys_event_with_any_odd_part_is_answered(part: str, odd: Any) -> None:
    try:
        read({**http(TEXT, "image/jpeg", isBase64Encoded=True), part: odd})
    except ErrorResponse as refused:
        assert refused.status in (400, 415)


S3_EVENT = {"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {}}
RULE_EVENT = {"version": "0", "detail-type": "Object Created", "source": "aws.s3", "detail": {}}


@pytest.mark.parametrize(
    ("event", "service"),
    [
        ({"Records": [S3_EVENT]}, "aws:s3"),
        ({"Records": [{"messageId": "1", "body": "{}", "eventSource": "aws:sqs"}] * 2}, "aws:sqs"),
        ({"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": {"Message": ""}}]}, "aws:sns"),
        ({"Records": [{"eventSource": "aws:kinesis"}]}, "aws:kinesis"),
        ({"eventSource": "aws:kafka", "records": {}}, "aws:kafka"),
        (RULE_EVENT, "aws.s3"),
    ],
    ids=["S3", "SQS", "SNS", "Kinesis", "Kafka", "EventBridge"],
)
def test_an_event_that_a_service_sends_is_told_from_a_request(event: Any, service: str) -> None:
    """The examples of "Process S3 event notifications", "Using Lambda with Amazon SQS" and the like, Lambda developer
    guide."""
    assert sending_service(event) == service


@pytest.mark.parametrize(
    "event",
    [
        {"url": URL}, {"image": TEXT, "Records": []}, {"Records": "x"}, {"Records": [1]}, {"Records": [{}]},
        {"source": "aws.s3"}, http(json.dumps({"Records": [S3_EVENT]})), rest("x"), *ODD,
    ],
)  # fmt: skip
def test_a_request_has_no_sending_service(event: Any) -> None:
    assert sending_service(event) == ""
