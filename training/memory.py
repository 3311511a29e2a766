"""Running out of memory, said in terms of the settings that decide how much is taken."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from training.errors import InputError
from training.settings import Settings

_CPU_ALLOCATOR = ("can't allocate memory", "not enough memory")  # torch raises a plain RuntimeError with this


@contextmanager
def enough_memory(settings: Settings) -> Iterator[None]:
    """
    Raises:
        InputError: instead of NumPy's, Python's and torch's errors on a refused allocation. A process that the
            system kills (exit code 137) cannot say so.
    """
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise _explained(settings) from error
    except RuntimeError as error:
        if any(words in str(error) for words in _CPU_ALLOCATOR):
            raise _explained(settings) from error
        raise


def _explained(settings: Settings) -> InputError:
    return InputError(
        f"out of memory: lower batch-size ({settings.batch_size}) or image-size ({settings.image_size}), "
        "or take a larger instance"
    )
