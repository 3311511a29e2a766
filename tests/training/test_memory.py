"""Out of memory: said in terms of the settings to lower."""

import pytest
import torch

from training.errors import InputError
from training.memory import enough_memory, require_free
from training.settings import Hyperparameters

TOO_MUCH = 2**62


def test_a_backbone_that_the_memory_cannot_hold_is_refused_with_the_numbers() -> None:
    require_free(10**6, "resnet10")
    said = r"the backbone of vit_l_16 has [\d,]+ MB and takes some [\d,]+ of memory, and [\d,]+ are free: "
    with pytest.raises(InputError, match=said):
        require_free(TOO_MUCH, "vit_l_16")


@pytest.mark.parametrize(
    "take",
    [
        lambda: bytearray(TOO_MUCH),
        lambda: torch.empty(TOO_MUCH // 8, dtype=torch.float32),
        lambda: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA out of memory")),
    ],
    ids=["python", "torch on the processor", "torch on a GPU"],
)
def test_the_settings_that_take_memory_are_named(take: object) -> None:
    def act() -> None:
        result = take()  # type: ignore[operator]
        if not isinstance(result, bytearray | torch.Tensor):
            next(result)

    with (
        pytest.raises(InputError, match=r"lower batch-size \(64\) or image-size \(128\)"),
        enough_memory(Hyperparameters()),
    ):
        act()


def test_another_error_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match="shape"), enough_memory(Hyperparameters()):
        raise RuntimeError("shape mismatch")
