"""The page's server: it answers the page that it served, and nobody else, within limits."""

import http.client
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest

from tests.tools.page.conftest import LABELS, MAX_BYTES, REFUSED, RunningPage
from tests.waiting import LIMIT_SECONDS
from tools.page.guard import TOKEN_HEADER


def test_an_image_is_answered_with_labels_time_and_model(page: RunningPage) -> None:
    status, text, _ = page.ask(body=b"an image")
    answer = json.loads(text)
    assert (status, page.images) == (200, [b"an image"])
    assert [prediction["label"] for prediction in answer["predictions"]] == LABELS
    assert answer["model"] == "9f2c" * 16
    assert answer["milliseconds"] >= 0


def test_what_the_function_refuses_is_told_in_its_words(page: RunningPage) -> None:
    status, text, _ = page.ask(body=REFUSED)
    assert (status, json.loads(text)) == (422, {"error": "not an image (415 UnsupportedImage, see docs/api.md)"})


def test_a_fault_of_the_program_is_told_as_json_that_the_page_can_show() -> None:
    def fail(_: bytes) -> dict[str, Any]:
        raise KeyError("predictions")

    with RunningPage(fail) as page:
        status, text, _ = page.ask()
    assert (status, json.loads(text)) == (500, {"error": "the page's program failed: KeyError: 'predictions'"})


@pytest.mark.parametrize(
    "host",
    [
        None,
        "evil.example",
        "evil.example:PORT",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1.evil.example:PORT",
        "[::1]:PORT",
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/page.js"), ("POST", "/classify")])
def test_a_name_that_is_not_this_machine_s_gets_nothing(
    page: RunningPage, host: str | None, method: str, path: str
) -> None:
    """With DNS rebinding a foreign site is same-origin with the page, and sends its own name as Host."""
    given = host and host.replace("PORT", str(page.guard.port))
    status, words = page.refusal(method=method, path=path, headers={"Host": given})
    assert (status, words) == (403, "this page is for this machine alone: open the address in the terminal")


@pytest.mark.parametrize(
    "origin",
    [None, "null", "http://evil.example", "https://127.0.0.1:PORT", "http://127.0.0.1:1", "http://127.0.0.1", ""],
)
def test_another_page_in_the_same_browser_is_refused_even_with_the_token(page: RunningPage, origin: str | None) -> None:
    given = origin if origin is None else origin.replace("PORT", str(page.guard.port))
    assert page.refusal(headers={"Origin": given}) == (403, "only this page may ask")


@pytest.mark.parametrize("token", [None, "", "x", "é"])
def test_without_the_token_of_this_start_it_is_refused(page: RunningPage, token: str | None) -> None:
    status, words = page.refusal(headers={TOKEN_HEADER: token})
    assert (status, words) == (403, "this page is of an earlier start: open the address that the terminal shows now")


def test_each_start_has_a_token_of_its_own_that_no_answer_contains(page: RunningPage) -> None:
    with RunningPage() as other:
        assert page.guard.token != other.guard.token
    assert page.guard.address == f"http://127.0.0.1:{page.guard.port}/#{page.guard.token}"
    for path in ("/", "/page.js", "/page.css"):
        status, text, _ = page.ask("GET", path, {"Origin": None, TOKEN_HEADER: None}, b"")
        assert status == 200
        assert page.guard.token not in text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("OPTIONS", "/classify", 405),
        ("GET", "/classify", 405),
        ("GET", "/../guard.py", 404),
        ("GET", "/page.html", 404),
        ("POST", "/classify", 200),
        ("GET", "/", 200),
    ],
)
def test_no_answer_lets_other_sites_read_it_or_frame_it(page: RunningPage, method: str, path: str, status: int) -> None:
    got, _, headers = page.ask(method, path)
    assert got == status
    assert not [name for name in headers if name.lower().startswith("access-control-")]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")


def test_an_image_that_is_too_large_is_refused_before_it_is_read(page: RunningPage) -> None:
    status, words = page.refusal(headers={"Content-Length": str(50 * 10**6)}, body=b"")
    assert (status, words) == (413, "the image has 50.0 MB, and the function takes 0.2 MB")
    assert page.ask(body=b"x" * MAX_BYTES)[0] == 200


def test_an_empty_file_and_a_body_of_unknown_length_are_refused(page: RunningPage) -> None:
    assert page.refusal(body=b"") == (400, "the file is empty")
    chunked: dict[str, str | None] = {"Content-Length": None, "Transfer-Encoding": "chunked"}
    status, words = page.refusal(headers=chunked, body=b"1\r\nx\r\n0\r\n\r\n")
    assert (status, words) == (411, "the length of the image is missing")


def test_it_listens_on_loopback_alone(page: RunningPage) -> None:
    mine = psutil.Process().net_connections("inet")
    at = [each.laddr for each in mine if each.status == "LISTEN" and each.laddr.port == page.guard.port]
    assert [address.ip for address in at] == ["127.0.0.1"]


def test_a_page_that_is_reloaded_during_an_answer_leaves_the_server_as_it_was(
    page: RunningPage, capfd: pytest.CaptureFixture[str]
) -> None:
    page.hold = True
    connection = http.client.HTTPConnection("127.0.0.1", page.guard.port, timeout=LIMIT_SECONDS)
    connection.request("POST", "/classify", b"first", page.own)
    assert page.held.wait(LIMIT_SECONDS)
    connection.close()
    page.hold = False
    page.release.set()
    assert page.ask(body=b"second")[0] == 200

    half = socket.create_connection(("127.0.0.1", page.guard.port))
    lines = [f"{name}: {value}" for name, value in page.own.items()]
    half.sendall("\r\n".join(["POST /classify HTTP/1.1", *lines, "Content-Length: 9", "", "half"]).encode())
    half.close()
    assert page.ask(body=b"third")[0] == 200
    assert page.images == [b"first", b"second", b"third"]
    assert capfd.readouterr() == ("", "")


def test_many_images_at_once_are_all_answered(page: RunningPage) -> None:
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda number: page.ask(body=b"x" * (number + 1))[0], range(40)))
    assert statuses == [200] * 40
