"""`make try` as a command: what it prints, a port that is taken, Ctrl-C, and the function that it asks."""

import base64
import http.client
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.waiting import LIMIT_SECONDS
from tools.page import __main__ as command
from tools.page.guard import TOKEN_HEADER

ROOT = Path(__file__).parents[3]
SERVING = {"FunctionName": "slipway-dev-classify"}
# The command with a stand-in for AWS, in a process of its own, as it serves until it gets a signal.
PROGRAM = """
import json, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
from tools.page import __main__ as command
from tools.classify_client import ClassifyFailed
class Client:
    def __init__(self, function): pass
    def invoke(self, event):
        if len(event["image"]) > 8:
            error = {"code": "UnsupportedImage", "message": "no image"}
            raise ClassifyFailed(json.dumps({"statusCode": 415, "body": json.dumps({"error": error})}))
        return {"predictions": [], "model": event["image"]}
command.require_aws = lambda: ("000000000000", "eu-west-1")
command.outputs = {"slipway-dev-serving": {"FunctionName": "slipway-dev-classify"}}.__getitem__
command.ClassifyClient = Client
sys.exit(command.main(["--port", "0"]))
"""


def test_it_prints_the_address_asks_the_function_and_ends_with_one_line() -> None:
    alone = {**os.environ, "SLIPWAY_STAGES": os.devnull}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=alone, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    try:
        address = re.fullmatch(r"Open http://127\.0\.0\.1:(\d+)/#(\S{40,})\n", process.stdout.readline())
        assert address
        assert process.stdout.readline() == "Only this machine can. Ctrl-C ends it.\n"
        port, token = address.groups()
        assert _ask(int(port), token, b"image") == (200, base64.b64encode(b"image").decode())
        assert _ask(int(port), token, b"too long") == (422, "no image (415 UnsupportedImage, see docs/api.md)")
    finally:
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=LIMIT_SECONDS)
    assert (process.returncode, rest, errors) == (130, "", "stopped\n")


def _ask(port: int, token: str, image: bytes) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_SECONDS)
    own = {"Origin": f"http://127.0.0.1:{port}", TOKEN_HEADER: token}
    connection.request("POST", "/classify", image, own)
    answer = connection.getresponse()
    said = json.loads(answer.read())
    connection.close()
    return answer.status, said["model"] if answer.status == 200 else said["error"]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "require_aws", lambda: ("000000000000", "eu-west-1"))
    monkeypatch.setattr(command, "outputs", {"slipway-dev-serving": SERVING}.__getitem__)
    monkeypatch.setattr(command, "ClassifyClient", lambda _: SimpleNamespace())


def test_a_port_that_is_taken_is_told_with_another_one(aws: None, capsys: pytest.CaptureFixture[str]) -> None:
    with command.listen(0) as taken:
        port = taken.getsockname()[1]
        assert command.main(["--port", str(port)]) == 1
    assert capsys.readouterr().err == (
        f"error: port {port} is taken: give another one, or PORT=0, which takes a free one\n"
    )


@pytest.mark.parametrize("port", ["65536", "-1", "http", ""])
def test_what_is_no_port_is_told(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main([f"--port={port}"])
    assert f"{port} is no port: give a number from 0 to 65535" in capsys.readouterr().err


def test_the_page_takes_images_as_large_as_the_function_does_and_names_what_answers(
    aws: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, Any] = {}

    def make_app(*_: Any, **given: Any) -> None:
        made.update(given)

    monkeypatch.setattr(command, "make_app", make_app)
    monkeypatch.setattr(command, "make_server", lambda _: SimpleNamespace(run=lambda **_: None))
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert command.main(["--port", "0", "--settings", "max_image_mb=2"]) == 0
    assert made["max_bytes"] == 2 * 2**20
    assert made["about"] == {
        "name": "slipway-dev",
        "function": "slipway-dev-classify",
        "where": "AWS, account 000000000000, eu-west-1",
    }
