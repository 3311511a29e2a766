"""What a run starts from, checked as far as a look at its folders and files goes. No torch."""

from dataclasses import dataclass
from pathlib import Path

from training import weights
from training.batches import steps
from training.environment import Places, Process
from training.errors import InputError
from training.folder import Folder, inspect
from training.settings import Hyperparameters


@dataclass(frozen=True)
class Inputs:
    """The images' files, and the pretrained weights where there are any."""

    data: Folder
    weights: Path | None


def find(settings: Hyperparameters, places: Places, process: Process) -> Inputs:
    """
    Raises:
        InputError: data set or weights that cannot be trained on or with.
    """
    data = inspect(places.images)
    steps(len(data.splits["train"].files), settings.batch_size, process.world)
    given = weights.find(places.weights, settings.weights_sha256)
    if given is None and settings.trainable != "all":
        raise InputError(f"trainable={settings.trainable} needs pretrained weights: give some, or set trainable=all")
    return Inputs(data, given)
