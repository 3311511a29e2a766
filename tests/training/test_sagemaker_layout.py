"""Where input and output lie, and which process this is, on a laptop, under torchrun and in SageMaker."""

import json
from pathlib import Path
from typing import Any

import pytest

from training import machine
from training.environment import (
    Process,
    laptop_places,
    read_hyperparameters,
    read_process,
    sagemaker_base,
    sagemaker_places,
)
from training.errors import InputError
from training.machine import own_cores


def configure(base: Path, **files: Any) -> Path:
    folder = base / "input" / "config"
    folder.mkdir(parents=True)
    for name, value in files.items():
        (folder / f"{name}.json").write_text(json.dumps(value))
    return base


THREE = {"current_host": "algo-2", "hosts": ["algo-1", "algo-2", "algo-3"], "network_interface_name": "eth0"}


def test_the_base_is_sagemakers_unless_its_variable_says_otherwise() -> None:
    assert sagemaker_base({}) == Path("/opt/ml")
    places = sagemaker_places(sagemaker_base({"SAGEMAKER_BASE_DIR": "/base"}))
    assert places.images == Path("/base/input/data/images")
    assert places.model == Path("/base/model")
    assert places.failure == Path("/base/output/failure")
    assert places.checkpoints == Path("/base/checkpoints")


def test_on_a_laptop_checkpoints_are_kept_where_asked_to_only() -> None:
    assert laptop_places(Path("images"), Path("out"), None, None).checkpoints is None
    assert laptop_places(Path("images"), Path("out"), None, Path("kept")).checkpoints == Path("kept")


def test_a_laptop_is_one_process() -> None:
    assert read_process(None, {}) == Process(rank=0, world=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, 4), ("", 4), ("0", 4), ("-1", 4), ("many", 4), ("3", 3), ("3,2", 3), (" 3 ", 3)],
)
def test_cores_are_shared_unless_openmps_variable_gives_a_number(
    monkeypatch: pytest.MonkeyPatch, text: str | None, expected: int
) -> None:
    monkeypatch.setattr(machine, "cores", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if text is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert own_cores(Process(local_world=2)) == expected


def test_on_a_laptop_the_port_can_be_set_for_several_runs_at_a_time() -> None:
    assert read_process(None, {"MASTER_PORT": "31000"}) == Process(port=31000)


def test_a_job_reads_its_hosts(tmp_path: Path) -> None:
    process = read_process(configure(tmp_path, resourceconfig=THREE), {})
    assert process == Process(1, 3, 1, "algo-1", 29500, "eth0")


def test_the_meeting_point_can_be_set_on_its_own(tmp_path: Path) -> None:
    variables = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "31000"}
    process = read_process(configure(tmp_path, resourceconfig=THREE), variables)
    assert process == Process(1, 3, 1, "127.0.0.1", 31000, "eth0")


def test_torchrun_wins(tmp_path: Path) -> None:
    variables = {
        "RANK": "3",
        "WORLD_SIZE": "4",
        "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "a",
        "MASTER_PORT": "1",
    }
    assert read_process(configure(tmp_path, resourceconfig=THREE), variables) == Process(3, 4, 2, "a", 1, None)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"RANK": "0"}, "WORLD_SIZE is None"),
        ({"RANK": "x", "WORLD_SIZE": "2", "MASTER_PORT": "1"}, "RANK is 'x'"),
        ({"RANK": "2", "WORLD_SIZE": "2", "MASTER_PORT": "1"}, "RANK=2 is not below WORLD_SIZE=2"),
    ],
)
def test_half_a_torchrun_environment_is_refused(variables: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_process(None, variables)


def test_a_host_that_is_not_among_the_hosts(tmp_path: Path) -> None:
    configure(tmp_path, resourceconfig={"current_host": "algo-9", "hosts": ["algo-1"]})
    with pytest.raises(InputError, match="must name current_host and list it among hosts"):
        read_process(tmp_path, {})


def test_hyperparameters_are_texts(tmp_path: Path) -> None:
    configure(tmp_path, hyperparameters={"epochs": "3"})
    assert read_hyperparameters(tmp_path) == {"epochs": "3"}


def test_hyperparameters_that_are_no_texts(tmp_path: Path) -> None:
    configure(tmp_path, hyperparameters={"epochs": 3})
    with pytest.raises(InputError, match="values are all strings"):
        read_hyperparameters(tmp_path)


def test_outside_a_job_the_way_to_run_is_shown(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="on a laptop give --data FOLDER --output DIR"):
        read_hyperparameters(tmp_path)
