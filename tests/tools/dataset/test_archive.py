"""A zip or tar of images in place of a folder: unpacked once, and nothing outside its folder is touched."""

import gzip
import io
import stat
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tools.dataset import archive
from tools.dataset.__main__ import main
from tools.dataset.archive import image_folder
from training.errors import InputError
from training.folder import digest, inspect


@pytest.fixture(autouse=True)
def unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(archive, "UNPACKED", tmp_path / "unpacked")
    return tmp_path / "unpacked"


def zipped(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


def tarred(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as file:
        for member in members:
            file.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        image_folder(path)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar", "xztar"])
@pytest.mark.parametrize("inside", ["", "images"])
def test_it_is_used_as_its_folder_is(
    images: Path, tmp_path: Path, kind: str, inside: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    root, base = (images.parent, inside) if inside else (images, None)
    file = Path(shutil.make_archive(str(tmp_path / "images archive"), kind, root, base))
    assert digest(inspect(image_folder(file))) == digest(inspect(images))
    assert main(["check", str(file)]) == 0
    assert capsys.readouterr().out == "6 images of 2 classes: nothing wrong\n"


def test_a_folder_is_left_as_it_is(images: Path, unpacked: Path) -> None:
    assert image_folder(images) == images
    assert not unpacked.exists()


def test_it_is_unpacked_once(tmp_path: Path) -> None:
    file = zipped(tmp_path / "a.zip", **{"train/a/0.png": b"1", "b": b""})
    (image_folder(file) / "mark").touch()
    assert (image_folder(file) / "mark").exists()


def test_another_command_may_unpack_it_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped(tmp_path / "images.zip", **{"train/a/1.png": b"1"})
    unpack = archive._unpack

    def twice(members: Any, path: Path, target: Path) -> None:
        monkeypatch.setattr(archive, "_unpack", unpack)
        image_folder(path)
        unpack(members, path, target)

    monkeypatch.setattr(archive, "_unpack", twice)
    assert (image_folder(path) / "train/a/1.png").read_bytes() == b"1"


def test_what_macos_adds_is_left_out(tmp_path: Path) -> None:
    found = image_folder(
        zipped(tmp_path / "a.zip", **{"x/a/0.png": b"1", "__MACOSX/x/a/._0.png": b"", "x/a/._1.png": b""})
    )
    assert [path.name for path in found.rglob("*")] == ["a", "0.png"] or found.name == "a"


@pytest.mark.parametrize("name", ["../out.png", "a/../../out.png", "/tmp/out.png", "..\\out.png", "a/..\\..\\out.png"])
def test_names_that_lead_outside_are_refused(tmp_path: Path, unpacked: Path, name: str) -> None:
    assert "leads outside" in refusal(zipped(tmp_path / "a.zip", **{"a/0.png": b"1", name: b"1"}))
    member = tarfile.TarInfo(name)
    member.size = 1
    assert "leads outside" in refusal(tarred(tmp_path / "a.tar.gz", member))
    assert list(unpacked.iterdir()) == []
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("a/0.png")
    member.type, member.linkname = kind, "/etc/passwd"
    assert "is no file" in refusal(tarred(tmp_path / "a.tar.gz", member))
    link = zipfile.ZipInfo("a/0.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(link, "/etc/passwd")
    assert "is no file" in refusal(tmp_path / "a.zip")


def test_bytes_and_files_are_counted_as_they_are_unpacked(
    tmp_path: Path, unpacked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = zipped(tmp_path / "a.zip", a=bytes(2**20), b=bytes(2**20))
    monkeypatch.setattr(archive, "MAX_BYTES", 2**20 + 1)
    assert "holds more than" in refusal(file)
    monkeypatch.setattr(archive, "MAX_BYTES", 2**21)
    monkeypatch.setattr(archive, "MAX_FILES", 1)
    assert "more than 1 files" in refusal(file)
    assert list(unpacked.iterdir()) == []


def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file, pytest.warns(UserWarning, match="Duplicate name"):
        file.writestr("a/0.png", "1")
        file.writestr("a/0.png", "2")
    assert "'a/0.png' twice" in refusal(tmp_path / "a.zip")


def test_what_is_damaged_or_no_archive_is_refused(tmp_path: Path, unpacked: Path) -> None:
    file = zipped(tmp_path / "a.zip", a=bytes(range(256)) * 100)
    file.write_bytes(file.read_bytes().replace(bytes(range(60, 70)), bytes(10)))
    damaged = bytearray(file.read_bytes())
    damaged[60] ^= 255
    file.write_bytes(damaged)
    assert "cannot be unpacked" in refusal(file)
    (tmp_path / "b.zip").write_bytes(b"text")
    assert "neither a folder nor a zip or tar" in refusal(tmp_path / "b.zip")
    assert list(unpacked.iterdir()) == []


def test_a_gzip_that_is_damaged_further_on_is_refused_too(tmp_path: Path) -> None:
    """gzip.BadGzipFile is an OSError."""
    member = tarfile.TarInfo("train/a/0.png")
    member.size = 100_000
    content = gzip.decompress(tarred(tmp_path / "whole.tar.gz", member).read_bytes())
    file = tmp_path / "a.tar.gz"
    file.write_bytes(gzip.compress(content[:60_000]) + b"x" + gzip.compress(content[60_000:])[1:])
    assert "cannot be unpacked" in refusal(file)
