"""The benchmark for a GPU, whose parts run on a processor here, at a small scale."""

from pathlib import Path

import pytest
import torch

from bench.gpu_train import Scale, measured, require_no_wait, result, run
from bench.photos import write_photos
from training.errors import InputError

SMALL = Scale(images=40, others=10, side=32, batch=20, epochs=2, network="resnet18", smaller="resnet10")
GOOD = {
    "recipe": 2000.0,
    "eager": 5000.0,
    "eager, seconds beside training": 20.0,
    "smaller": 11000.0,
    "compiled step": 7000.0,
    "compiled": 6000.0,
    "step": 5200.0,
}


@pytest.mark.soak
def test_every_part_yields_its_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_COMPILE_DISABLE", "1")  # a compiler is PyTorch's affair
    write_photos(tmp_path / "photos", SMALL.images, SMALL.others)
    figures = dict(measured(SMALL, tmp_path / "photos", tmp_path))
    assert figures.keys() >= GOOD.keys()
    assert all(value > 0 for value in figures.values())
    assert result(figures).ratio == pytest.approx(figures["compiled"] / figures["recipe"], abs=0.01)


def test_the_steps_that_must_not_wait_are_steps_of_a_training() -> None:
    require_no_wait(SMALL)


def test_goals_are_held_together() -> None:
    assert result(GOOD).met
    for name, value in {
        "recipe": 2500.0, "compiled": 5900.0, "smaller": 9900.0, "eager, seconds beside training": 26.0,
    }.items():  # fmt: skip
        assert not result({**GOOD, name: value}).met


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_it_says_what_to_do() -> None:
    with pytest.raises(InputError, match=r"run bench/gpu\.sh on a machine that has one"):
        run()
