"""The one check a data set passes before it is uploaded or trained on."""

from pathlib import Path

from training.errors import InputError
from training.folder import Folder, inspect, shorten
from training.images import unreadable_images


def checked(root: Path) -> Folder:
    """The data set, each image decoded once.

    Raises:
        InputError: names every problem of shape and up to ten unreadable images.
    """
    folder = inspect(root)
    if problems := unreadable_images(folder):
        raise InputError(shorten(problems, "unreadable images"))
    return folder
