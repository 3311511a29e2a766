"""python -m tools.dataset: exit codes and what is printed where."""

import re
from pathlib import Path

import pytest

from serving.preprocessing import READABLE
from tools.dataset.__main__ import main


def test_check_finds_nothing_wrong(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(images)]) == 0
    assert capsys.readouterr().out == "6 images of 2 classes: nothing wrong\n"


def test_check_reports_every_problem_of_shape(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (images / "test" / "dark" / "0.png").unlink()
    (images / "train" / "light" / "notes.txt").touch()
    assert main(["check", str(images)]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "error: train/light/notes.txt is not an image file: remove it",
        "error: class dark has no images in test: add some or remove the folder",
        "error: class dark is in train, valid but not in test: add images or remove it",
    ]


def test_check_names_unreadable_images(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = (images / "train" / "dark" / "0.png").read_bytes()
    (images / "train" / "dark" / "0.png").write_bytes(whole[:-22])
    (images / "valid" / "light" / "0.png").write_bytes(b"x")
    assert main(["check", str(images)]) == 1
    first, second, share = capsys.readouterr().err.splitlines()
    assert share == "error: 2 of 6 images are unreadable, and max-unreadable allows 0.01 of them"
    assert first.startswith("error: train/dark/0.png: image is truncated or corrupt")
    assert second == (
        f"error: valid/light/0.png: not an image that can be read: convert it to {READABLE}; replace or remove it"
    )


def test_digest_prints_64_hex_digits(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["digest", str(images)]) == 0
    assert re.fullmatch("[0-9a-f]{64}\n", capsys.readouterr().out)


@pytest.mark.parametrize("command", [["check"], ["digest"], ["upload"]])
def test_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    assert main([*command, str(tmp_path / "none")]) == 1
    assert "error: no data set at" in capsys.readouterr().err
