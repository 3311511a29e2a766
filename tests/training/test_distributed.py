"""Several processes train the model that one would."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from PIL import Image

from local_aws.ports import free_port
from tests.training.stop_after import StopAfter
from tests.waiting import until
from training import distributed
from training import run as program
from training.augment import CROPPING
from training.checkpoint import Checkpoints
from training.distributed import GlobalBatchNorm2d, summed, together
from training.environment import Places, Process
from training.errors import InputError, LostPeers, Stopped
from training.features import gather
from training.folder import inspect
from training.images import load
from training.loop import fit, predict
from training.model import build
from training.settings import Hyperparameters
from training.stop import stop_on_sigterm

# a process of their own that has imported torch and started no thread is safe to fork, and saves its imports
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])


def on_each(world: int, work: Callable[[Process], Any]) -> list[Any]:
    """Results of `work` in each of `world` processes that can reach each other; None from one that died."""
    return apart(world, partial(meeting, work))


def meeting(work: Callable[[Process], Any], process: Process) -> Any:
    try:
        with together(process):
            return work(process)
    except LostPeers as error:
        return error


def apart(world: int, work: Callable[[Process], Any]) -> list[Any]:
    """Results of `work` in each of `world` processes that do not know each other yet; None from one that died."""
    port = free_port()
    pipes = [CONTEXT.Pipe(duplex=False) for _ in range(world)]
    children = []
    for rank, (_, writer) in enumerate(pipes):
        process = Process(rank, world, world, "127.0.0.1", port)
        children.append(CONTEXT.Process(target=report, args=(work, process, writer)))
        children[-1].start()
        writer.close()
    results = []
    for reader, _ in pipes:
        try:
            results.append(reader.recv())
        except EOFError:
            results.append(None)
    for child in children:
        child.join()
    return results


def report(work: Callable[[Process], Any], process: Process, writer: Connection) -> None:
    torch.set_num_threads(1)
    writer.send(work(process))


@pytest.fixture
def grainy(tmp_path: Path) -> Path:
    """A darker and a lighter class, every pixel of its own value, as in a photograph."""
    random = np.random.default_rng(0)
    for split, count in {"train": 24, "valid": 10, "test": 10}.items():
        for label, brightness in {"dark": 110, "light": 150}.items():
            (tmp_path / "grainy" / split / label).mkdir(parents=True)
            for number in range(count):
                pixels = random.normal(brightness, 50, (24, 24, 3)).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / "grainy" / split / label / f"{number}.png")
    return tmp_path / "grainy"


def losses(folder: Path, dtype: torch.dtype, augment: str, process: Process) -> list[float]:
    """Losses of two epochs and of the test."""
    settings = Hyperparameters(
        "resnet10", image_size=16, epochs=2, batch_size=17, learning_rate=0.0005, augment=augment
    )
    data = load(inspect(folder), settings.image_size, whole=augment in CROPPING)
    torch.manual_seed(0)
    model = build(settings, 2, None).to(dtype)
    model.register_forward_pre_hook(lambda _, inputs: (inputs[0].to(dtype),))
    outcome = fit(model, data, settings, process)
    test = predict(model, data["test"], settings.batch_size, process).score
    epochs = [loss for epoch in outcome.epochs for loss in (epoch.train_loss, epoch.validation.loss)]
    return [*epochs, test.loss, test.accuracy]


def test_losses_are_those_of_one_process(grainy: Path) -> None:
    alone = losses(grainy, torch.float32, "shift", Process())
    for result in on_each(4, partial(losses, grainy, torch.float32, "shift")):
        assert result == pytest.approx(alone, abs=1e-4)


def test_where_rounding_is_a_matter_of_luck_float64_shows_that_they_are(few_digits: Path) -> None:
    # a digit's flat background makes ties, which the last bit of a float32 decides
    alone = losses(few_digits, torch.float64, "shift", Process())
    for result in on_each(4, partial(losses, few_digits, torch.float64, "shift")):
        assert result == pytest.approx(alone, abs=1e-9)


@pytest.mark.parametrize("augment", ["photo", "strong"])
def test_each_image_is_augmented_as_in_one_process(grainy: Path, augment: str) -> None:
    """With `strong`, each is mixed with the same other one, and the averaged weights are judged."""
    alone = losses(grainy, torch.float64, augment, Process())
    for result in on_each(4, partial(losses, grainy, torch.float64, augment)):
        assert result == pytest.approx(alone, abs=1e-9)


def batch_norm(images: torch.Tensor, process: Process) -> list[list[float]]:
    """Outputs for this process's share of the images, the running mean and variance, and the weights' gradient."""
    layer = GlobalBatchNorm2d(images.shape[1]) if process.world > 1 else torch.nn.BatchNorm2d(images.shape[1])
    for _ in range(2):
        found = layer(images.chunk(process.world)[process.rank])
    (found**3).sum().backward()
    assert layer.weight.grad is not None
    given = found, layer.running_mean, layer.running_var, layer.weight.grad
    return [values.detach().flatten().tolist() for values in given]


def test_a_channel_that_is_constant_in_one_process_or_in_all_is_normalised_as_in_one() -> None:
    """PyTorch has 0 as the inverse of a deviation of 0: `InvStd` in aten/src/ATen/native/Normalization.cpp."""
    images = torch.rand(8, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    images[:4, 1], images[:, 2] = 0.5, 0.25
    outputs, *statistics, gradient = batch_norm(images, Process())
    first, second = on_each(2, partial(batch_norm, images))
    assert first[0] + second[0] == pytest.approx(outputs, abs=1e-4)
    for found in (first, second):
        assert np.array(found[1:3]) == pytest.approx(np.array(statistics), abs=1e-6)
    assert np.add(first[3], second[3]) == pytest.approx(np.array(gradient), abs=1e-3)


def stopped_and_resumed(folder: Path, checkpoints: Path, process: Process) -> list[float]:
    """Losses of a run in which the last process alone was asked to stop, in the second epoch."""
    data = load(inspect(folder), 16)
    settings = Hyperparameters("resnet10", image_size=16, epochs=2, batch_size=17, learning_rate=0.005, augment="shift")
    kept = Checkpoints(checkpoints, process, {})
    for run in ("stopped", "whole"):
        torch.manual_seed(0)
        model = build(settings, 2, None)
        stop = StopAfter(4) if run == "stopped" and process.rank == process.world - 1 else None
        try:
            outcome = fit(model, data, settings, process, kept, stop)
        except Stopped as error:
            assert "in epoch 2 after step 2" in str(error)
    return [epoch.train_loss for epoch in outcome.epochs]


def test_all_stop_at_the_same_step_and_go_on_together(few_digits: Path, tmp_path: Path) -> None:
    first, second = on_each(2, partial(stopped_and_resumed, few_digits, tmp_path / "stopped"))
    assert first == second and len(first) == 2
    assert list((tmp_path / "stopped").iterdir()) == [tmp_path / "stopped" / "checkpoint.pt"]
    [alone] = on_each(1, partial(stopped_and_resumed, few_digits, tmp_path / "alone"))
    assert first == pytest.approx(alone, rel=1e-2)  # float32, of digits: see above


def with_checkpoints_of_their_own(folder: Path, checkpoints: Path, process: Process) -> str:
    """Errors when only process 0 finds the checkpoint."""
    try:
        stopped_and_resumed(folder, checkpoints / str(process.rank), process)
    except InputError as error:
        return str(error)
    return "nothing"


def test_processes_that_find_different_checkpoints_refuse_to_go_on(few_digits: Path, tmp_path: Path) -> None:
    for said in on_each(2, partial(with_checkpoints_of_their_own, few_digits, tmp_path)):
        assert "differ: share the folder, or remove them" in said


def sum_of_ranks(process: Process) -> float:
    return summed(torch.tensor([process.rank + 1.0])).item()


def test_a_sum_is_over_all_processes() -> None:
    assert on_each(3, sum_of_ranks) == [6, 6, 6]


def die_second(process: Process) -> None:
    if process.rank == 1:
        os._exit(1)
    summed(torch.zeros(1))


def test_when_one_process_dies_the_others_stop_with_an_error() -> None:
    first, dead, third = on_each(3, die_second)
    assert dead is None
    assert isinstance(first, LostPeers) and "process 0 of 3 lost the others" in str(first)
    assert isinstance(third, LostPeers)


def head_stopped_while_it_waits(folder: Path, process: Process) -> str:
    """Errors when both get SIGTERM, and the second stops before it has a share to give."""
    signalled = folder / "signalled"

    def end_this_process() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        signalled.touch()

    with stop_on_sigterm() as stop:
        try:
            with together(process):
                if process.rank == 1:
                    until(signalled.exists)
                    raise Stopped("of its own")
                Timer(0.5, end_this_process).start()
                gather(np.zeros(3, np.float32), process, stop)
        except Stopped as error:
            return str(error)
    return "nothing"


def test_a_process_that_waits_for_the_others_stops_with_them(tmp_path: Path) -> None:
    assert apart(2, partial(head_stopped_while_it_waits, tmp_path)) == [
        "stopped as asked (SIGTERM) while the other processes computed features",
        "of its own",
    ]


def run_that_exports_last(folder: Path, output: Path, process: Process) -> str:
    export, over = program.export, output / "the other process is over"

    def late(*arguments: Any) -> Any:
        until(over.exists)
        return export(*arguments)

    program.export = late  # type: ignore[assignment]  # in a process of its own
    settings = Hyperparameters("resnet10", image_size=16, epochs=1, batch_size=24, export_int8="never", augment="shift")
    places = Places(folder, folder / "none", output / "model", output / "output", None)
    program.train(settings, program.find_inputs(settings, places, process), places, process)
    over.touch()
    return "ended well"


def test_no_process_waits_for_the_export(few_digits: Path, tmp_path: Path) -> None:
    """It may take longer than processes wait for each other."""
    assert apart(2, partial(run_that_exports_last, few_digits, tmp_path)) == ["ended well"] * 2
    assert (tmp_path / "model" / "model.onnx").exists()
    assert (tmp_path / "output" / "data" / "mistakes.png").exists()


def chosen_backend(gpus: list[str], process: Process) -> str:
    distributed.own_gpu = lambda process: gpus[process.rank]  # in a process of its own
    asked: list[str] = []
    start = dist.init_process_group

    def noted(backend: str, **rest: Any) -> None:
        asked.append(backend)
        start("gloo", **rest)

    distributed.dist.init_process_group = noted
    with together(process):
        return asked[0]


@pytest.mark.parametrize(
    ("gpus", "backend"),
    [
        (["GPU-1", "GPU-2"], "cpu:gloo,cuda:nccl"),
        (["GPU-1", "GPU-1"], "gloo"),
        (["GPU-1", ""], "gloo"),
        (["", ""], "gloo"),
    ],
)
def test_processes_on_one_gpu_meet_over_gloo(gpus: list[str], backend: str) -> None:
    """NCCL refuses: "Duplicate GPU detected : rank 0 and rank 1 both on CUDA device" (its src/init.cc)."""
    assert apart(2, partial(chosen_backend, gpus)) == [backend] * 2


def interfaces(process: Process) -> list[str | None]:
    with together(replace(process, interface="lo")):
        return [os.environ.get(f"{library}_SOCKET_IFNAME") for library in ("GLOO", "NCCL")]


def test_both_libraries_talk_over_the_interface_that_sagemaker_names() -> None:
    assert apart(2, interfaces) == [["lo", "lo"]] * 2


def test_an_error_of_ones_own_stays_what_it_is() -> None:
    with pytest.raises(ZeroDivisionError), together(Process()):
        raise ZeroDivisionError
