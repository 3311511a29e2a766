"""A processor runs the frozen layers in what is fastest on it, preparation included."""

import pytest

from training import precision
from training.precision import choose_precision
from training.settings import Hyperparameters

PHOTOS = Hyperparameters("resnet50", image_size=224)


@pytest.fixture(autouse=True)
def instructions(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Stand-in for a processor; until changed, it multiplies bytes as fast as others multiply floats."""
    found = {"avx2", "avx512_vnni"}
    monkeypatch.setattr(precision, "_instructions", lambda: found)
    return found


def test_what_is_set_is_taken() -> None:
    assert choose_precision(Hyperparameters(precision="fp32"), bf16=True, images=10**6, threads=1) == "fp32"


def test_bf16_needs_no_preparation() -> None:
    assert choose_precision(PHOTOS, bf16=True, images=10**6, threads=1) == "bf16"


@pytest.mark.parametrize(
    ("settings", "images", "threads"),
    [
        (PHOTOS, 100, 2),
        (PHOTOS, 1_000, 16),
        (Hyperparameters("resnet50", image_size=32), 2_000, 2),
        (Hyperparameters("resnet10", image_size=224), 500, 2),
    ],
    ids=["few images", "many cores", "small images", "small network"],
)
def test_int8_is_for_much_work(settings: Hyperparameters, images: int, threads: int) -> None:
    assert choose_precision(settings, bf16=False, images=images, threads=threads) == "fp32"
    assert choose_precision(settings, bf16=False, images=20 * images, threads=threads) == "int8"


def test_without_its_instructions_int8_is_not_worth_it(instructions: set[str]) -> None:
    instructions.remove("avx512_vnni")
    assert choose_precision(PHOTOS, bf16=False, images=10**6, threads=1) == "fp32"


@pytest.mark.parametrize(("flag", "has"), [("avx2", False), ("avx512_bf16", True), ("amx_bf16", True)])
def test_bf16_is_an_instruction(instructions: set[str], flag: str, has: bool) -> None:
    instructions.add(flag)
    assert precision.has_bf16() == has
