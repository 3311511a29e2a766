"""Answers and signals as CloudFormation takes them, over real HTTP."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import cloudformation
import pytest


@dataclass
class Server:
    """Takes PUTs; answers each with the next of `statuses`, then with 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    requests: list[tuple[str | None, dict[str, Any]]] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(cloudformation.time, "sleep", lambda seconds: None)
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.requests.append((self.headers["Content-Type"], json.loads(body)))
            self.send_response(state.statuses.pop(0) if state.statuses else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    http = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    state.url = f"http://127.0.0.1:{http.server_port}/path?Signature=secret"
    yield state
    http.shutdown()
    thread.join()
    http.server_close()


def test_a_signal_is_json_with_an_empty_content_type(server: Server) -> None:
    cloudformation.signal(server.url, sender="job-1", data="0.97")
    ((content_type, body),) = server.requests
    assert content_type == ""
    assert body == {"Status": "SUCCESS", "Reason": "done", "UniqueId": "job-1", "Data": "0.97"}


def test_an_answer_names_the_request_it_belongs_to(server: Server) -> None:
    event = {"ResponseURL": server.url, "StackId": "s", "RequestId": "r", "LogicalResourceId": "l"}
    cloudformation.respond(event, physical_id="p", error="no data set", attributes={"Exists": "true"})
    ((_, body),) = server.requests
    assert body == {
        "Status": "FAILED",
        "Reason": "no data set",
        "PhysicalResourceId": "p",
        "StackId": "s",
        "RequestId": "r",
        "LogicalResourceId": "l",
        "Data": {"Exists": "true"},
    }


def test_a_server_that_fails_is_asked_again(server: Server) -> None:
    server.statuses = [500, 503]
    cloudformation.signal(server.url, sender="job-1")
    assert len(server.requests) == 3


def test_a_server_that_keeps_failing_is_an_error(server: Server) -> None:
    server.statuses = [500] * 10
    with pytest.raises(cloudformation.Unanswered, match="HTTP 500"):
        cloudformation.signal(server.url, sender="job-1")


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_signal_for_a_wait_that_is_over_is_no_error(server: Server, status: int) -> None:
    server.statuses = [status]
    cloudformation.signal(server.url, sender="job-1")
    assert len(server.requests) == 1


def test_a_refused_signal_is_an_error(server: Server) -> None:
    server.statuses = [400]
    with pytest.raises(cloudformation.Unanswered, match="HTTP 400"):
        cloudformation.signal(server.url, sender="job-1")


def test_a_refused_answer_is_an_error(server: Server) -> None:
    server.statuses = [403]
    event = {"ResponseURL": server.url, "StackId": "s", "RequestId": "r", "LogicalResourceId": "l"}
    with pytest.raises(cloudformation.Unanswered, match="HTTP 403"):
        cloudformation.respond(event, physical_id="p")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x?Signature=secret", "no url?Signature=secret"])
def test_errors_do_not_repeat_the_signature(server: Server, url: str) -> None:
    with pytest.raises(cloudformation.Unanswered) as unanswered:
        cloudformation.signal(url, sender="job-1")
    assert "secret" not in str(unanswered.value)
    assert unanswered.value.__suppress_context__


def test_reasons_are_one_short_line() -> None:
    assert cloudformation.one_line("one\n  two\tthree ") == "one two three"
    assert len(cloudformation.one_line("ü" * 1000).encode()) <= 1000
