"""Images of the data set: all decoded at the start, every unreadable one counted."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from training import images
from training.errors import InputError
from training.folder import inspect

MakeFolder = Callable[..., Path]
WHOLE = {"train": ["a", "b"], "valid": ["a", "b"], "test": ["a", "b"]}


def test_images_become_squares_of_the_networks_size(make_folder: MakeFolder) -> None:
    loaded = images.load(inspect(make_folder(**WHOLE)), 16)
    squares = loaded["train"].take(np.array([1, 0]))
    assert squares.shape == (2, 16, 16, 3)
    assert squares.dtype == np.uint8
    assert [square.max() for square in squares] == [40, 0]
    assert loaded["train"].labels.tolist() == [0, 0, 1, 1]


def test_what_does_not_fit_in_memory_is_decoded_when_taken(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = inspect(make_folder(**WHOLE))
    kept = images.load(folder, 16)["train"].take(np.arange(4))
    monkeypatch.setattr(images, "MAX_CACHE_BYTES", 0)
    decoded = images.load(folder, 16)["train"].take(np.arange(4))
    assert np.array_equal(kept, decoded)


@pytest.mark.parametrize("cache", [0, 2**29])
def test_unreadable_images_are_named_ten_at_most_and_counted(
    all_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: int
) -> None:
    monkeypatch.setattr(images, "MAX_CACHE_BYTES", cache)
    root = tmp_path / "digits"
    for split in ("train", "valid", "test"):
        for label in ("3", "5"):
            (root / split / label).mkdir(parents=True)
            for path in sorted((all_digits / split / label).iterdir())[:6]:
                content = path.read_bytes()
                broken = b"not an image" if label == "3" else content[: len(content) // 2]
                (root / split / label / path.name).write_bytes(content if split == "test" else broken)
    with pytest.raises(InputError) as caught:
        images.load(inspect(root), 16)
    found = caught.value.problems
    assert len(found) == 11
    assert found[0].startswith("train/3/") and "not a JPEG or PNG image; replace or remove it" in found[0]
    assert found[6].startswith("train/5/") and "truncated or corrupt" in found[6]
    assert found[-1] == "and 14 more unreadable images"
