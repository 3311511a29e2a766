"""Several processes train the model that one would."""

import multiprocessing
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from training import images
from training.distributed import summed, together
from training.environment import Process
from training.errors import LostPeers
from training.folder import inspect
from training.loop import evaluate, fit
from training.model import build
from training.settings import Settings


def on_each(world: int, work: Callable[[Process], Any]) -> list[Any]:
    """What `work` returns in each of `world` processes that can reach each other; None from one that died."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("fork")  # torch is imported already: seconds saved
    pipes = [context.Pipe(duplex=False) for _ in range(world)]

    def start(rank: int) -> None:
        process = Process(rank, world, world, "127.0.0.1", port)
        try:
            with together(process):
                result = work(process)
        except LostPeers as error:
            result = error
        pipes[rank][1].send(result)

    children = [context.Process(target=start, args=(rank,)) for rank in range(world)]
    for child in children:
        child.start()
    results = []
    for child, (reader, writer) in zip(children, pipes, strict=True):
        writer.close()
        try:
            results.append(reader.recv())
        except EOFError:
            results.append(None)
    for child in children:
        child.join()
    return results


def test_losses_are_those_of_one_process(few_digits: Path) -> None:
    settings = Settings(image_size=16, epochs=2, batch_size=17, learning_rate=0.005)
    data = images.load(inspect(few_digits), settings.image_size)

    def losses(process: Process) -> list[float]:
        torch.manual_seed(0)
        model = build(settings, classes=2, weights=None).double()
        # in float32 an image's flat background makes ties, which rounding decides: a matter of luck
        model.register_forward_pre_hook(lambda _, inputs: (inputs[0].double(),))
        outcome = fit(model, data, settings, process)
        test = evaluate(model, data["test"], settings.batch_size, process)
        epochs = [loss for epoch in outcome.epochs for loss in (epoch.train_loss, epoch.validation.loss)]
        return [*epochs, test.loss, test.accuracy]

    alone = losses(Process())
    for result in on_each(3, losses):
        assert result == pytest.approx(alone, abs=1e-9)


def test_a_sum_is_over_all_processes() -> None:
    assert on_each(3, lambda process: summed(torch.tensor([process.rank + 1.0])).item()) == [6, 6, 6]


def test_when_one_process_dies_the_others_stop_with_an_error() -> None:
    def die(process: Process) -> None:
        if process.rank == 1:
            os._exit(1)
        summed(torch.zeros(1))

    first, dead, third = on_each(3, die)
    assert dead is None
    assert isinstance(first, LostPeers) and "process 0 of 3 lost the others" in str(first)
    assert isinstance(third, LostPeers)


def test_an_error_of_ones_own_stays_what_it_is() -> None:
    with pytest.raises(ZeroDivisionError), together(Process()):
        raise ZeroDivisionError
