"""The list of a folder's images: read once, kept while it grows, and never older than the images."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.dataset import listing
from tools.dataset.listing import with_list
from training.digests import sha256_of
from training.folder import digest, inspect


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Names of the images that were read, of a list that is kept whatever their number."""
    names: list[str] = []

    def read(path: Path) -> str:
        names.append(path.parent.name + "/" + path.name)
        return sha256_of(path)

    monkeypatch.setattr(listing, "sha256_of", read)
    monkeypatch.setattr(listing, "MANY", 1)
    monkeypatch.setattr(listing, "KEPT", tmp_path / "kept")
    return names


def test_it_has_the_digest_of_the_folder(images: Path) -> None:
    assert digest(with_list(inspect(images))) == digest(inspect(images))


def test_an_unchanged_image_is_read_once(images: Path, hashed: list[str]) -> None:
    first = with_list(inspect(images))
    assert len(hashed) == 6
    assert with_list(inspect(images)).listed == first.listed
    assert len(hashed) == 6


def test_a_changed_image_is_read_again_even_with_the_old_time_and_size(images: Path, hashed: list[str]) -> None:
    with_list(inspect(images))
    hashed.clear()
    path = images / "test" / "dark" / "0.png"
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digest(with_list(inspect(images))) == digest(inspect(images))
    assert hashed == ["dark/0.png"]


def test_an_interrupted_one_goes_on(images: Path, hashed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_PART", 2)
    read: Callable[[Path], str] = listing.sha256_of

    def interrupted(path: Path) -> str:
        if len(hashed) == 4:
            raise KeyboardInterrupt
        return read(path)

    monkeypatch.setattr(listing, "sha256_of", interrupted)
    with pytest.raises(KeyboardInterrupt):
        with_list(inspect(images))
    monkeypatch.setattr(listing, "sha256_of", read)
    [kept] = listing.KEPT.iterdir()
    kept.write_text(kept.read_text() + '["test/li')  # killed in the middle of a line

    assert digest(with_list(inspect(images))) == digest(inspect(images))
    assert sorted(hashed) == [f"{name}/0.png" for name in ("dark",) * 3 + ("light",) * 3]


def test_in_a_read_only_folder_nothing_is_kept(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "KEPT", Path("/proc/kept"))  # takes no files, not even root's
    monkeypatch.setattr(listing, "MANY", 1)
    assert len(listing.with_list(inspect(images)).listed) == len(inspect(images).files)


def test_of_few_images_nothing_is_kept(images: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(listing, "KEPT", tmp_path / "kept")
    with_list(inspect(images))
    assert not (tmp_path / "kept").exists()
