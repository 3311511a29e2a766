"""A function's lines are in the log of the invocation that wrote them, however late the thread is that reads them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ministack.core import lambda_runtime

from local_aws.functions import log_lines
from local_aws.functions.log_lines import LoggedWorker
from local_aws.home import ACCOUNT, DEFAULT_REGION
from tests.local_aws.functions.test_concurrency import zipped
from tests.waiting import LIMIT_SECONDS

Start = Callable[[str], Any]


@pytest.fixture
def start() -> Iterator[Start]:
    """Factory of environments of a function with the given body."""
    started: list[Any] = []

    def make(body: str) -> Any:
        code = zipped(f"import os, sys\ndef handler(event, context): {body}")
        arn = f"arn:aws:lambda:{DEFAULT_REGION}:{ACCOUNT}:function:f"
        config = {"FunctionArn": arn, "Handler": "f.handler", "Runtime": "python3.12", "Timeout": LIMIT_SECONDS}
        started.append(LoggedWorker("f", config, code))
        return started[-1]

    yield make
    for worker in started:
        worker.kill()


@pytest.mark.parametrize(
    "body", ["print(event, 'é')", "(print(event, 'é'), 1 / 0)", "(print(event, 'é'), sys.stderr.flush(), os._exit(1))"]
)
def test_they_are_there_although_nobody_has_read_them(start: Start, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    monkeypatch.setattr(LoggedWorker, "_read_stderr", lambda _: None)
    worker = start(body)
    for event in ("first", "second"):
        assert worker.invoke(event, "id")["log"].splitlines() == [f"{event} é"]


def test_more_of_them_than_a_pipe_holds_keep_no_function_waiting(start: Start) -> None:
    answer = start("print('line\\n' * 100_000)").invoke(None, "id")
    assert (answer["status"], answer["log"].split()) == ("ok", ["line"] * 100_000)


def test_a_function_without_any_has_an_empty_log(start: Start) -> None:
    assert start("None").invoke(None, "id")["log"] == ""


def test_the_reader_ends_with_the_environment(start: Start) -> None:
    worker = start("None")
    worker.invoke(None, "id")
    reader = worker._stderr_thread
    worker.kill()
    reader.join(LIMIT_SECONDS)
    assert not reader.is_alive()


@pytest.mark.parametrize("runtime", ["python3.12", "nodejs22.x"])
def test_functions_run_in_such_environments(monkeypatch: pytest.MonkeyPatch, runtime: str) -> None:
    monkeypatch.setattr(lambda_runtime, "Worker", lambda_runtime.Worker)
    log_lines.install()
    assert lambda_runtime._worker_class_for({"Runtime": runtime}) is LoggedWorker
