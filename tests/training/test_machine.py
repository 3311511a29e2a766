"""Several GPUs are as many processes; without them nothing changes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from serving.preprocessing import Preprocessing
from training import device, machine
from training.batches import Batch
from training.device import arithmetic, choose, moved, place
from training.environment import Process
from training.errors import InputError
from training.feed import Feed
from training.folder import inspect
from training.images import load
from training.loop import fit
from training.model import build
from training.settings import Hyperparameters


@pytest.mark.parametrize(("visible", "count"), [("0,1,2", 3), ("", 0), ("-1", 0), ("GPU-5", 1)])
def test_visible_gpus_are_counted(visible: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    assert machine.gpus() == count


def test_else_those_of_the_driver_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(machine, "DRIVER", tmp_path / "gpus")
    assert machine.gpus() == 0
    for name in ("0000:00:1b.0", "0000:00:1c.0"):
        (tmp_path / "gpus" / name).mkdir(parents=True)
    assert machine.gpus() == 2


@pytest.mark.parametrize(
    ("names", "parts", "shares"),
    [
        ("0,1,2,3", 2, [["0", "2"], ["1", "3"]]),
        ("4,5,6", 2, [["4", "6"], ["5"]]),
        ("0,1", 3, [["0"], ["1"], ["0"]]),
        ("", 2, [[], []]),
    ],
)
def test_runs_at_a_time_share_the_gpus(
    monkeypatch: pytest.MonkeyPatch, names: str, parts: int, shares: list[list[str]]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", names)

    assert [machine.share_of_gpus(part, parts) for part in range(parts)] == shares


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Programs that were run, as (command, environment)."""
    calls: list[Any] = []
    monkeypatch.setattr(machine, "run_stoppable", lambda *call: calls.append(call))
    monkeypatch.setattr("sys.exit", lambda code: None)
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    return calls


def test_several_gpus_are_as_many_processes_of_each_host(started: list[Any]) -> None:
    machine.one_process_a_gpu(Process(1, 2, 1, "algo-1", 29500, "eth0"), ["--data", "x"])

    [(command, environment)] = started
    assert " ".join(command[1:]) == (
        "-m torch.distributed.run --nnodes 2 --node-rank 1 --nproc-per-node 4 "
        "--master-addr algo-1 --master-port 29500 -m training --data x"
    )
    assert environment["NCCL_SOCKET_IFNAME"] == environment["GLOO_SOCKET_IFNAME"] == "eth0"


@pytest.mark.parametrize(("cores", "threads"), [(48, "12"), (2, "1")])
def test_the_processes_share_the_cores(
    started: list[Any], monkeypatch: pytest.MonkeyPatch, cores: int, threads: str
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(machine, "cores", lambda: cores)

    machine.one_process_a_gpu(Process(), [])

    assert started[0][1]["OMP_NUM_THREADS"] == threads


def test_threads_that_the_environment_gives_stay(started: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")

    machine.one_process_a_gpu(Process(), [])

    assert started[0][1]["OMP_NUM_THREADS"] == "5"


def test_an_interface_that_the_environment_names_stays(started: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NCCL_SOCKET_IFNAME", "ib0")

    machine.one_process_a_gpu(Process(interface="eth0"), [])

    assert started[0][1]["NCCL_SOCKET_IFNAME"] == "ib0"


def test_a_process_that_torchrun_started_starts_no_more(started: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")

    machine.one_process_a_gpu(Process(), [])

    assert started == []


def test_one_gpu_needs_no_other_process(started: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")

    machine.one_process_a_gpu(Process(), [])

    assert started == []


def test_each_process_of_a_host_takes_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)

    assert [choose(Process(rank, 8, 4)).index for rank in range(8)] == [0, 1, 2, 3] * 2


def test_the_network_is_compiled_when_asked(few_digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[torch.nn.Module] = []

    def compile_(model: torch.nn.Module, **_: object) -> torch.nn.Module:
        compiled.append(model)
        return model

    monkeypatch.setattr(torch, "compile", compile_)
    images = load(inspect(few_digits), 16)
    settings = Hyperparameters("resnet10", image_size=16, epochs=1, batch_size=24, augment="shift")

    fit(build(settings, 2, None), images, settings, Process())
    assert compiled == []
    model = build(settings, 2, None)
    fit(model, images, replace(settings, compile="always"), Process())
    assert compiled == [model]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_pytorch_cannot_use_is_an_error_with_both_versions(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """AWS's GPU image without its own entry point does not load its libraries for a host driver older than its CUDA."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    for module in (machine, device):
        monkeypatch.setattr(module, "DRIVER", tmp_path / "gpus")
    (tmp_path / "gpus" / "0000:00:1b.0").mkdir(parents=True)
    (tmp_path / "version").write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.82.01  Wed Oct 27 2021\n")

    with pytest.raises(InputError) as error:
        choose(Process())

    assert f"driver 470.82.01, PyTorch {torch.__version__} for CUDA {torch.version.cuda}" in str(error.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_machine_whose_gpus_are_hidden_trains_on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert choose(Process()).type == "cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_all_stays_as_it_is() -> None:
    chosen = choose(Process())
    model, values = torch.nn.Linear(2, 2), torch.zeros(1, 2)

    assert chosen.type == "cpu"
    assert place(model, chosen, 32) is model
    assert moved(values, chosen) is values
    with arithmetic(chosen):
        assert model(values).dtype == torch.float32


def test_a_processor_takes_photographs_channels_last_and_small_images_as_they_come() -> None:
    for size, expected in ((32, torch.contiguous_format), (64, torch.channels_last)):
        model = place(torch.nn.Conv2d(3, 8, 3), torch.device("cpu"), size)
        assert model.weight.is_contiguous(memory_format=expected)
        feed = Feed(torch.device("cpu"), Preprocessing(size))
        pixels = np.zeros((2, size, size, 3), np.uint8)
        batch = Batch(np.arange(2), np.zeros(2, np.int64), 2, pixels)
        assert feed.images(batch).is_contiguous(memory_format=expected)


def test_a_gpu_that_only_emulates_bf16_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    # a T4, which is slower in bf16
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)

    with arithmetic(torch.device("cuda")):
        assert not torch.is_autocast_enabled("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_computes_in_bf16() -> None:
    chosen = choose(Process())
    model = place(torch.nn.Conv2d(3, 8, 3), chosen, 16)

    with arithmetic(chosen):
        result = model(moved(torch.zeros(2, 3, 16, 16), chosen))

    native = torch.cuda.is_bf16_supported(including_emulation=False)
    assert result.dtype == (torch.bfloat16 if native else torch.float32)
    assert result.is_contiguous(memory_format=torch.channels_last)
