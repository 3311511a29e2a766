"""An endpoint instance leaves nothing behind when its container cannot be started again, or is not wanted any more."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local_aws.sagemaker import endpoint_instance as module
from local_aws.sagemaker.endpoint_instance import EndpointInstance
from tests.local_aws.sagemaker.test_training_host import RefusedLogs
from tests.waiting import until


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EndpointInstance:
    """An instance whose container has just ended."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(module, "_RESTART_SECONDS", 0.0)
    session: Any = SimpleNamespace(client=lambda _: RefusedLogs(), environment=dict)
    instance = EndpointInstance("toy-1", "ml.m5.large", {"PrimaryContainer": {}}, session, "toy")
    instance._image = SimpleNamespace(architecture="amd64")  # type: ignore[assignment]
    instance._container = SimpleNamespace(end=lambda _: None)  # type: ignore[assignment]
    instance._log = "group", "toy-1-log"
    return instance


def test_a_restart_that_fails_leaves_no_thread(instance: EndpointInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(module, "RunningContainer", full)
    instance._restart()
    until(lambda: not [each for each in threading.enumerate() if each.name == "logs-toy-1-log"])


def test_an_instance_that_ends_during_a_restart_leaves_no_folder(
    instance: EndpointInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run() -> Any:
        instance.end()
        (instance._folder / "root").mkdir(parents=True)
        return SimpleNamespace(end=lambda _: None, answers_ping=lambda: True)

    monkeypatch.setattr(instance, "_run", run)
    instance._restart()
    assert list((tmp_path / "endpoints").iterdir()) == []
