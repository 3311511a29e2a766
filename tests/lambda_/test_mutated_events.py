"""Events with anything changed at random: each is answered, and none by an error of ours."""

import base64
import copy
import json
import random
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import classify
import pytest
from url_image import UrlImages

from tests.lambda_.classify_calls import JPEG, PNG, WEBP, Aws
from tests.lambda_.servers import Server
from tests.lambda_.test_request import ODD, S3_EVENT, http, rest

IMAGES = (JPEG, PNG, WEBP, b"GIF89a...", b"%PDF-1.7", b"")
STRINGS = (
    "",
    "image/jpeg",
    "application/json",
    "s3://bucket/images/a.jpg",
    "https://a.example.com/",
    "\ud800",
    "\0",
    "é" * 99,
)


def _fields(choose: random.Random) -> dict[str, Any]:
    image = base64.b64encode(choose.choice(IMAGES)).decode()
    sources = {"image": image, "url": "https://a.example.com/b.jpg?c=d", "s3": "s3://bucket/images/a.jpg"}
    name = choose.choice(list(sources))
    return {name: sources[name], "k": choose.randrange(1, 9)}


def _event(choose: random.Random) -> Any:
    fields = _fields(choose)
    body, image = json.dumps(fields), base64.b64encode(choose.choice(IMAGES)).decode()
    return copy.deepcopy(
        choose.choice(
            [
                fields,
                http(body),
                rest(body),
                http(base64.b64encode(body.encode()).decode(), isBase64Encoded=True),
                http(image, "image/jpeg", isBase64Encoded=True, queryStringParameters={"k": "3"}),
                rest(image, "image/png", isBase64Encoded=True, multiValueHeaders={"Content-Type": ["image/png"]}),
                {"Records": [S3_EVENT]},
            ]
        )
    )


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each container in an event, with each of its keys."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from _places(inner)


def _change(event: Any, choose: random.Random) -> Any:
    places = list(_places(event))
    if not places or choose.random() < 0.02:
        return copy.deepcopy(choose.choice(ODD))
    container, key = choose.choice(places)
    value = container[key]
    kind = choose.randrange(5)
    if kind == 0:
        del container[key]
    elif kind == 1 and isinstance(container, dict):
        container[choose.choice((*STRINGS, "image", "url", "s3", "k", "Records", "body"))] = value
    elif kind == 2 and isinstance(value, str) and value:
        at = choose.randrange(len(value))
        container[key] = (
            value[:at] + choose.choice((*STRINGS, "=", "-", " ", "\n", "{")) + value[at + choose.randrange(3) :]
        )
    else:
        container[key] = copy.deepcopy(choose.choice((*ODD, *STRINGS, 10**30, -1, float("nan"))))
    return event


@pytest.mark.long
def test_mutated_events_are_answered_and_none_by_an_error_of_ours(
    server: Server,
    aws: Aws,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """2,500 events, from callers, proxies and services: a status of the API each, or the error that is meant."""
    aws.objects["/bucket/images/a.jpg"] = PNG

    def nowhere(host: str, seconds: float) -> list[str]:
        raise OSError(host)

    images = UrlImages(["*.example.com"], max_bytes=100, resolve=nowhere)
    monkeypatch.setattr(classify, "_url_images", lambda: images)
    context = SimpleNamespace(
        get_remaining_time_in_millis=lambda: 30_000, function_name="f", aws_request_id="a-request"
    )
    choose, found = random.Random(0), Counter[str]()
    for _ in range(2500):
        event = _event(choose)
        for _ in range(choose.choice((1, 1, 2, 5))):
            event = _change(event, choose)
        try:
            answer = classify.handler(event, context)
        except classify.UnsupportedEventSource:
            found["a service's event"] += 1
            continue
        code = json.loads(answer["body"]).get("error", {}).get("code", "OK")
        found[code] += 1
        assert answer["statusCode"] < 500 or code.startswith("Url"), (event, answer)
    assert min(found["OK"], found["a service's event"]) > 100
    assert len(found) > 10
