"""A container runs the image's command with `serve`, its model and nothing else, in a sandbox and without one."""

import http.client
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_aws import processes
from local_aws.container import RunningContainer, namespaces
from local_aws.images.image import ContainerImage
from tests.waiting import LIMIT_SECONDS, until

PROGRAM = """
import http.server, json, os, signal, socket, sys
from pathlib import Path

def tried(action):
    try:
        action()
    except OSError as error:
        return type(error).__name__
    return "done"

base = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
seen = {
    "arguments": sys.argv[1:],
    "pid": os.getpid(),
    "model": (base / "model/model.txt").read_text(),
    "own": Path("data.txt").read_text(),
    "tmp": tried(lambda: Path(os.environ.get("TMPDIR", "/tmp"), "x").write_text("x")),
    "model_written": tried(lambda: (base / "model/x").write_text("x")),
    "program_written": tried(lambda: Path("x").write_text("x")),
    "network": tried(lambda: socket.create_connection(("192.0.2.1", 80), timeout=0.2)),
    "home": tried(lambda: os.listdir("/home")),
    "given": os.environ.get("GIVEN"),
}

class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(seen).encode())

def end(*_):
    print("ending", flush=True)
    os._exit(7)

signal.signal(signal.SIGTERM, end)
address = os.environ.get("UVICORN_HOST", "0.0.0.0"), int(os.environ.get("UVICORN_PORT", 8080))
http.server.HTTPServer(address, Answers).serve_forever()
"""
Start = Callable[[bool], RunningContainer]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setenv(processes.MARKER, "container-test")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.txt").write_text("weights")
    settings = {"Env": ["GIVEN=image"], "Entrypoint": ["python", "main.py"], "WorkingDir": "/program"}
    files = {"/program/main.py": PROGRAM.encode(), "/program/data.txt": b"data"}
    image = ContainerImage.of(files, architecture="amd64", settings=settings)
    started = []

    def start(sandboxed: bool) -> RunningContainer:
        if sandboxed and not namespaces():
            pytest.skip("this machine has no namespaces")
        container = RunningContainer(image, tmp_path, environment={"GIVEN": "model"}, sandboxed=sandboxed)
        started.append(container)
        return container

    yield start
    for container in started:
        container.end(0)


def ask(container: RunningContainer) -> dict[str, object]:
    def answer() -> dict[str, object]:
        connection = http.client.HTTPConnection(*container.address, timeout=5)
        try:
            connection.sock = container.make_socket()
            connection.sock.connect(container.address)
            connection.request("GET", "/")
            seen: dict[str, object] = json.load(connection.getresponse())
            return seen
        except OSError:
            return {}
        finally:
            connection.close()

    return until(answer)


def test_in_a_sandbox_it_sees_what_sagemaker_shows_and_can_change_nothing_but_tmp(start: Start) -> None:
    """ "Custom Inference Code with Hosting Services", SageMaker developer guide; the model folder is read-only."""
    seen = ask(start(True))
    assert seen["arguments"] == ["serve"]
    assert seen["pid"] == 1
    assert (seen["model"], seen["own"], seen["given"]) == ("weights", "data", "model")
    assert seen["tmp"] == "done"
    assert seen["home"] == "FileNotFoundError"
    for refused in ("model_written", "program_written", "network"):
        assert seen[refused] != "done"


def test_without_one_it_is_told_other_places(start: Start) -> None:
    seen = ask(start(False))
    assert seen["arguments"] == ["serve"]
    assert (seen["model"], seen["own"], seen["given"]) == ("weights", "data", "model")


@pytest.mark.parametrize("sandboxed", [True, False])
def test_it_is_asked_to_end_and_may_finish(start: Start, sandboxed: bool) -> None:
    container = start(sandboxed)
    ask(container)
    container.end(LIMIT_SECONDS)
    assert container.poll() == 7
    assert "ending\n" in list(container.output)


def test_a_container_that_has_ended_has_no_more_sockets(start: Start) -> None:
    container = start(True)
    ask(container)
    container.end(LIMIT_SECONDS)
    with pytest.raises(OSError):
        container.make_socket()
