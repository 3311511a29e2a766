"""A bad model archive is refused with the reason in one sentence."""

import io
import tarfile
from pathlib import Path

import pytest

from local_aws.sagemaker.archive import ArchiveError, pack, unpack


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(bytes(range(256)) * 4096)
    (folder / "model.json").write_text("{}")
    return pack([folder], tmp_path / "model.tar.gz")


def refused(archive: Path) -> str:
    with pytest.raises(ArchiveError) as error:
        unpack(archive, archive.parent / "unpacked")
    return str(error.value)


def test_an_empty_archive_leaves_an_empty_folder(tmp_path: Path) -> None:
    """The container starts, and says itself what it misses."""
    unpack(pack([], tmp_path / "empty.tar.gz"), tmp_path / "model")
    assert list((tmp_path / "model").iterdir()) == []


def test_what_was_packed_is_unpacked(archive: Path, tmp_path: Path) -> None:
    unpack(archive, tmp_path / "unpacked")
    assert {path.name for path in (tmp_path / "unpacked").iterdir()} == {"model.onnx", "model.json"}


@pytest.mark.parametrize("kept", [0.5, 0.99])
def test_an_archive_that_was_cut_off_is_named_so(archive: Path, kept: float) -> None:
    content = archive.read_bytes()
    archive.write_bytes(content[: int(kept * len(content))])
    assert "it is truncated" in refused(archive)


@pytest.mark.parametrize("at", [2, 200], ids=["method", "data"])
def test_a_byte_that_changed_on_the_way_is_found(archive: Path, at: int) -> None:
    content = bytearray(archive.read_bytes())
    content[at] ^= 0xFF
    archive.write_bytes(content)
    assert "not a valid tar file" in refused(archive)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip", b"\x1f\x8b\x08"], ids=["empty", "zip", "gzip's start"])
def test_what_is_no_archive_is_refused(archive: Path, content: bytes) -> None:
    archive.write_bytes(content)
    assert refused(archive)


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "link/outside"])
def test_no_file_is_written_outside_of_the_folder(archive: Path, tmp_path: Path, name: str) -> None:
    with tarfile.open(archive, "w:gz") as packed:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, ".."
        packed.addfile(link)
        entry = tarfile.TarInfo(name)
        entry.size = 1
        packed.addfile(entry, io.BytesIO(b"x"))
    assert "outside the destination" in refused(archive)
    assert not (tmp_path / "outside").exists()
