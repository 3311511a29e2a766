"""A running epoch shows few lines in a log, and a bar on a terminal."""

import io
import re

import pytest

from stacks.trained_model import _METRICS
from training.progress import EpochProgress, FeatureProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def plain(self) -> str:
        """Text without colours and cursor movements."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.getvalue())


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")


def ten_steps(stream: io.StringIO, seconds_each: float, quiet: bool = False) -> str:
    now = [0.0]
    with EpochProgress(1, 10, stream, clock=lambda: now[0], quiet=quiet) as progress:
        for number in range(1, 11):
            now[0] += seconds_each
            progress.step(number, loss=16.0, images=32)
    return stream.getvalue()


def test_a_line_has_loss_and_speed_since_the_line_before() -> None:
    assert ten_steps(io.StringIO(), 3).splitlines() == [
        f"epoch=1 step={number} train:loss=0.5000 train:images_per_second=10.67" for number in (2, 4, 6, 8, 10)
    ]


def test_quick_steps_make_no_lines() -> None:
    assert ten_steps(io.StringIO(), 0.4) == ""


def features_of_ten_batches(stream: io.StringIO, seconds_each: float, done: int = 0) -> str:
    now = [0.0]
    with FeatureProgress("train", 400, done, stream, clock=lambda: now[0]) as progress:
        for _ in range((400 - done) // 40):
            now[0] += seconds_each
            progress.step(40)
    return stream.getvalue()


def test_features_are_counted_with_their_speed_and_the_last_line_has_that_of_all() -> None:
    assert features_of_ten_batches(io.StringIO(), 2).splitlines() == [
        *(f"features=train images={count}/400 train:images_per_second=20" for count in (120, 240, 360)),
        "features=train images=400/400 train:images_per_second=20",
    ]
    assert features_of_ten_batches(io.StringIO(), 0.01).splitlines() == [
        "features=train images=400/400 train:images_per_second=4000"
    ]


def test_features_of_an_earlier_run_count_as_done_and_not_for_the_speed() -> None:
    first, *_ = features_of_ten_batches(io.StringIO(), 5, done=200).splitlines()
    assert first == "features=train images=240/400 train:images_per_second=8"
    assert features_of_ten_batches(io.StringIO(), 5, done=400) == ""


def test_features_have_a_bar_on_a_terminal() -> None:
    stream = Terminal()
    text = features_of_ten_batches(stream, 2)
    assert re.search("features of train ━+.* 200/400 20 images/s", stream.plain())
    assert text.endswith("\x1b[2Kfeatures=train images=400/400 train:images_per_second=20\n")
    assert text.count("features=train") == 1


@pytest.mark.parametrize("name", ["train:loss", "train:images_per_second"])
def test_cloudwatch_finds_its_metrics_in_a_line(name: str) -> None:
    assert name in _METRICS
    line = ten_steps(io.StringIO(), 3).splitlines()[0]
    assert re.search(f"{name}=([0-9.eE+-]+)", line)


def test_cloudwatch_finds_the_speed_of_features() -> None:
    [found] = re.findall("train:images_per_second=([0-9.eE+-]+)", features_of_ten_batches(io.StringIO(), 0.01))
    assert float(found) == 4000


def test_on_a_terminal_there_is_a_bar_that_goes_away() -> None:
    stream = Terminal()
    text = ten_steps(stream, 3)
    assert re.search("epoch 1 ━+.* 5/10 loss 0.5000, 11 images/s", stream.plain())
    assert text.endswith("\x1b[2K") and "epoch=1" not in text


@pytest.mark.parametrize("missing", ["rich", "cursor movements"])
def test_a_terminal_without_them_gets_lines(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    if missing == "rich":
        monkeypatch.setattr("training.progress.find_spec", lambda name: None)
    else:
        monkeypatch.setenv("TERM", "dumb")
    assert ten_steps(Terminal(), 3) == ten_steps(io.StringIO(), 3)


def test_a_quiet_one_shows_nothing() -> None:
    assert ten_steps(Terminal(), 3, quiet=True) == ""
