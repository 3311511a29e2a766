"""An image by URL, from real TLS servers on loopback that only these tests let the function reach."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import url_image
from error_response import ErrorResponse
from public_address import is_public
from url_image import UrlImages

from tests.lambda_.servers import Server, reply, serving, write_certificate
from tests.waiting import LIMIT_SECONDS

HOST = "images.example.com"
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 60
Names = dict[str, list[str]]
Reader = Callable[..., UrlImages]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("tls"), HOST, "www.example.com")


@pytest.fixture(scope="module")
def server(certificate: Path) -> Iterator[Server]:
    """Answers by the path of the URL."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with serving(_answer, tls) as running:
        yield running


def _answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    kind, _, rest = handler.path.lstrip("/").partition("/")
    if kind == "status":
        reply(handler, int(rest))
    elif kind == "to":
        reply(handler, 302, Location=unquote(rest))
    elif kind == "loop":
        reply(handler, 302, Location="/loop")
    elif kind == "size":
        reply(handler, 200, b"\0" * int(rest))
    elif kind == "claims":
        reply(handler, 200, b"", **{"Content-Length": "9999999999"})
    elif kind == "chunked":
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(1000):
                handler.wfile.write(b"40\r\n" + b"\0" * 64 + b"\r\n")
    elif kind == "chunk":  # of a length that none has
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        with contextlib.suppress(OSError):
            handler.wfile.write(rest.encode() + b"\r\n")
            for _ in range(1000):
                handler.wfile.write(b"\0" * 4096)
        handler.close_connection = True
    elif kind == "cut":
        handler.send_response(200)
        handler.send_header("Content-Length", "64")
        handler.end_headers()
        handler.wfile.write(JPEG[:10])
        handler.close_connection = True
    elif kind == "drip":  # never silent for long, never done
        with contextlib.suppress(OSError):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n" + (b"\r\n" if rest == "body" else b""))
            for _ in range(100):
                handler.wfile.write(b"X" if rest == "body" else b"X-A: b\r\n")
                time.sleep(0.02)
    else:
        reply(handler, 200, JPEG)


@pytest.fixture
def names() -> Names:
    """Addresses that names resolve to; `images.example.com` is the server."""
    return {HOST: ["127.0.0.1"], "www.example.com": ["127.0.0.1"], "wrong.example.com": ["127.0.0.1"]}


@pytest.fixture
def reader(server: Server, certificate: Path, names: Names) -> Reader:
    """Makes a reader for which the server is on the public internet, and the rest is as it is."""

    def resolve(host: str, seconds: float) -> list[str]:
        try:
            return names[host]
        except KeyError:
            raise socket.gaierror(host) from None

    def make(*hosts: str, max_bytes: int = 100) -> UrlImages:
        return UrlImages(
            hosts or ("*",), max_bytes=max_bytes, resolve=resolve, port=server.server_address[1],
            is_public=lambda address: address == "127.0.0.1" or is_public(address),
            tls=ssl.create_default_context(cafile=str(certificate)),
        )  # fmt: skip

    server.requests.clear()
    return make


def refusal(images: UrlImages, url: str, seconds: float = 60) -> tuple[int, str]:
    with pytest.raises(ErrorResponse) as refused:
        images.read(url, seconds=seconds)
    assert "127.0.0.1" not in str(refused.value)
    return refused.value.status, refused.value.code


@pytest.mark.parametrize(
    ("path", "asked"),
    [("a.jpg", "/a.jpg"), ("a b".replace(" ", "%20"), "/a%20b"), ("ä?q=ö&r=1#part", "/%C3%A4?q=%C3%B6&r=1"), ("", "/")],
)
def test_the_bytes_at_a_url(reader: Reader, server: Server, path: str, asked: str) -> None:
    assert reader().read(f"https://{HOST}/{path}", seconds=60) == JPEG
    assert server.requests == [f"GET {asked}"]


def test_the_server_is_told_its_name_and_nothing_of_the_caller(reader: Reader, server: Server) -> None:
    server.headers.clear()
    reader().read(f"https://{HOST}/a.jpg", seconds=60)
    [headers] = server.headers
    assert headers.pop("host").startswith(HOST)
    assert set(headers) == {"accept", "accept-encoding", "user-agent"}


@pytest.mark.parametrize("target", ["/a.jpg", "https://www.example.com:{port}/a.jpg", "//www.example.com:{port}/a.jpg"])
def test_a_redirect_is_followed(reader: Reader, server: Server, target: str) -> None:
    port = server.server_address[1]
    assert reader().read(f"https://{HOST}/to/{target.format(port=port)}", seconds=60) == JPEG


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("https://169.254.169.254/latest/meta-data/iam/security-credentials/", "UrlNotAllowed"),
        ("https://[fd00:ec2::254]/latest/meta-data/", "UrlNotAllowed"),
        ("https://[::ffff:169.254.169.254]/", "UrlNotAllowed"),
        ("https://private.example.com/", "UrlNotAllowed"),
        ("http://169.254.169.254/latest/meta-data/", "BadUrl"),
        ("http://www.example.com/a.jpg", "BadUrl"),
        ("https://user:secret@www.example.com/", "BadUrl"),
        ("https://www.example.com:22/", "BadUrl"),
        ("file:///etc/passwd", "BadUrl"),
        ("https://[x", "BadUrl"),
        ("//[", "BadUrl"),
    ],
)
def test_a_redirect_to_what_no_url_may_reach_is_not_followed(
    reader: Reader, names: Names, server: Server, target: str, code: str
) -> None:
    names |= {"private.example.com": ["10.0.0.5"]}
    names |= {literal: [literal] for literal in ("169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254")}
    assert refusal(reader(), f"https://{HOST}/to/{target}") == (400, code)
    assert len(server.requests) == 1


def test_redirects_end(reader: Reader, server: Server) -> None:
    assert refusal(reader(), f"https://{HOST}/loop") == (400, "UrlNotAllowed")
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    "addresses", [["10.0.0.5"], ["169.254.169.254"], ["127.0.0.2"], ["::1"], ["93.184.215.14", "10.0.0.5"], []]
)
def test_a_name_with_a_private_address_is_refused_before_any_connection(
    reader: Reader, names: Names, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("connected"))
    names["sneaky.example.com"] = addresses
    assert refusal(reader(), "https://sneaky.example.com/a.jpg") == (400, "UrlNotAllowed")


def test_a_name_that_changes_its_mind_after_the_check_gains_nothing(
    reader: Reader, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection goes to the address that was checked; the name is not asked for again."""
    monkeypatch.setattr(socket, "getaddrinfo", _only_addresses(socket.getaddrinfo))
    assert reader().read(f"https://{HOST}/a.jpg", seconds=60) == JPEG


def _only_addresses(original: Callable[..., list]) -> Callable[..., list]:
    def look_up(host: str, *rest: object, **named: object) -> list:
        assert host == "127.0.0.1"
        return original(host, *rest, **named)

    return look_up


def test_a_certificate_of_another_name_is_refused(reader: Reader, server: Server) -> None:
    assert refusal(reader(), "https://wrong.example.com/a.jpg") == (502, "UrlUnreachable")
    assert server.requests == []


@pytest.mark.parametrize(
    "url",
    [
        *("", "a.jpg", "//images.example.com/a", "http://images.example.com/a", "ftp://images.example.com/a"),
        *("https://", "https:///a", "https://[::1", "https://images.example.com:x/", "https://images.example.com:80/"),
        *("https://user@images.example.com/", "https://:pass@images.example.com/", "https://@images.example.com/"),
        *("https://images.example.com/a b", "https://images.example.com\\@10.0.0.5/", "https://images.example.com/\nX"),
        *("https://images.example.com/\ud800", "https://\udfff.example.com/", "https://images.example.com/?q=\ud800"),
        *("https://" + "a" * 64 + ".example.com/", "https://images.example.com/" + "a" * 8192, "https://a..example.com/"),
    ],
)  # fmt: skip
def test_what_is_no_plain_https_url_is_refused(reader: Reader, server: Server, url: str) -> None:
    assert refusal(reader(), url) == (400, "BadUrl")
    assert server.requests == []


def test_a_url_may_be_as_long_as_a_presigned_one(reader: Reader, server: Server) -> None:
    """A key of 1,024 bytes, percent-encoded, and a session token of 4,096: "AssumeRole", STS API reference."""
    url = f"https://{HOST}/{'%C3%A9' * 512}?X-Amz-Security-Token={'a' * 4096}&X-Amz-Signature={'0' * 64}"
    assert 7000 < len(url) < 8192
    assert reader().read(url, seconds=60) == JPEG
    assert server.requests == [f"GET {url.removeprefix(f'https://{HOST}')}"]


@pytest.mark.parametrize(
    ("hosts", "allowed"),
    [
        (["*"], True), ([HOST], True), (["other.com", HOST], True), (["*.example.com"], True),
        (["example.com"], False), (["*.mages.example.com"], False), (["xample.com"], False), (["other.com"], False),
    ],
)  # fmt: skip
def test_only_hosts_of_the_list_are_asked(reader: Reader, hosts: list[str], allowed: bool) -> None:
    url = f"https://{HOST.upper()}./a.jpg"
    if allowed:
        assert reader(*hosts).read(url, seconds=60) == JPEG
    else:
        assert refusal(reader(*hosts), url) == (400, "UrlNotAllowed")


def test_an_empty_list_allows_no_url() -> None:
    assert refusal(UrlImages([], max_bytes=100), f"https://{HOST}/a.jpg") == (400, "UrlNotAllowed")


@pytest.mark.parametrize("path", ["size/101", "claims", "chunked"])
def test_more_bytes_than_allowed_are_refused_before_they_are_all_read(reader: Reader, path: str) -> None:
    assert refusal(reader(), f"https://{HOST}/{path}") == (413, "ImageTooLarge")


@pytest.mark.parametrize(("length", "refused"), [("-1", (413, "ImageTooLarge")), ("-5", (502, "UrlUnreachable"))])
def test_a_chunk_of_less_than_nothing_does_not_fill_the_memory(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, length: str, refused: tuple[int, str]
) -> None:
    """http.client reads a chunk of -1 bytes to the end of the connection, however far that is."""
    taken = 0
    original = url_image._BoundedSocket.recv_into

    def counting(self: url_image._BoundedSocket, *arguments: Any, **named: Any) -> int:
        nonlocal taken
        count = original(self, *arguments, **named)
        taken += count
        return count

    monkeypatch.setattr(url_image._BoundedSocket, "recv_into", counting)
    assert refusal(reader(), f"https://{HOST}/chunk/{length}") == refused
    assert taken < 2**18


def test_as_many_bytes_as_allowed_are_taken(reader: Reader) -> None:
    assert reader().read(f"https://{HOST}/size/100", seconds=60) == b"\0" * 100


@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_slow_server_gets_no_longer_by_never_being_silent(reader: Reader, part: str) -> None:
    assert refusal(reader(), f"https://{HOST}/drip/{part}", seconds=0.2) == (504, "UrlTimeout")


def test_a_silent_server_is_given_up(reader: Reader, names: Names, certificate: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never says a word
        images = UrlImages(
            ["*"], max_bytes=100, resolve=lambda *_: ["127.0.0.1"], is_public=lambda _: True,
            port=silent.getsockname()[1], tls=ssl.create_default_context(cafile=str(certificate)),
        )  # fmt: skip
        assert refusal(images, f"https://{HOST}/", seconds=0.1) == (504, "UrlTimeout")


def test_a_slow_resolver_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    given_up = threading.Event()

    def slow(*_: object, **__: object) -> list:
        given_up.wait(LIMIT_SECONDS)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    images = UrlImages(["*"], max_bytes=100)
    try:
        assert refusal(images, f"https://{HOST}/", seconds=0.05) == (504, "UrlTimeout")
    finally:
        given_up.set()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_url_with_nothing_at_it_is_the_callers_fault(reader: Reader, status: int) -> None:
    assert refusal(reader(), f"https://{HOST}/status/{status}") == (400, "UrlNotFound")


@pytest.mark.parametrize("path", ["status/500", "status/503", "status/429", "status/204", "cut"])
def test_a_server_that_fails_is_not(reader: Reader, path: str) -> None:
    assert refusal(reader(), f"https://{HOST}/{path}") == (502, "UrlUnreachable")


def test_a_name_that_is_not_known_or_a_port_that_is_closed(reader: Reader, names: Names) -> None:
    assert refusal(reader(), "https://unknown.example.com/") == (502, "UrlUnreachable")
    with socket.socket() as closed:  # bound, so that no one else listens there
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        images = UrlImages(["*"], max_bytes=9, resolve=lambda *_: ["127.0.0.1"], is_public=lambda _: True, port=port)
        assert refusal(images, f"https://{HOST}/") == (502, "UrlUnreachable")


def test_the_next_address_is_tried_when_one_does_not_answer(reader: Reader, names: Names) -> None:
    names[HOST] = ["127.0.0.1", "127.0.0.1"]
    names[HOST][0] = "::ffff:93.184.215.14"  # public, and out of reach of a socket of this machine
    original = socket.create_connection

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        if address[0] != "127.0.0.1":
            raise OSError("unreachable")
        return original(address, timeout)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "create_connection", connect)
        assert reader().read(f"https://{HOST}/a.jpg", seconds=60) == JPEG


def test_the_systems_resolver_tells_every_address_once() -> None:
    assert url_image.resolve("127.0.0.1", 5) == ["127.0.0.1"]
    with pytest.raises(OSError, match="label"):
        url_image.resolve("a" * 64, 5)
