"""The local AWS dies in the middle of a deploy."""

import os
import signal
import threading
import time

import pytest

from local_aws.home import Home
from local_aws.lifecycle import current, processes
from tools.assembly import synthesize
from tools.deploy.stacks import deploy_everything
from tools.preflight import NotReady
from training.folder import Folder, digest

from .conftest import QUICK

pytestmark = pytest.mark.e2e


def test_the_deploy_ends_with_one_clear_message_and_nothing_keeps_running(aws: Home, digits: Folder) -> None:
    run = current(aws)
    assert run is not None
    assembly = synthesize({**QUICK, "dataset": digest(digits)})
    training = threading.Event()

    def kill_when_training() -> None:
        training.wait(120)
        os.kill(run.supervisor, signal.SIGKILL)

    killer = threading.Thread(target=kill_when_training, daemon=True)
    killer.start()

    def watch(line: str) -> None:
        if "WaitCondition" in line and "IN_PROGRESS" in line:
            training.set()

    with pytest.raises(NotReady, match=r"nothing answers at .*make local"):
        deploy_everything(assembly, digits, say=watch)

    deadline = time.monotonic() + 10
    while processes(run) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [process.cmdline() for process in processes(run)] == []
