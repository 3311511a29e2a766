"""What is seen of an epoch while it runs: seldom lines in a log, a bar on a terminal."""

import io
import re

import pytest

from stacks.trained_model import _METRICS
from training.progress import FeatureProgress, Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def ten_steps(stream: io.StringIO, seconds_each: float) -> str:
    now = [0.0]
    progress = Progress(1, 10, stream, clock=lambda: now[0])
    for number in range(1, 11):
        now[0] += seconds_each
        progress.step(number, loss=16.0, images=32)
    progress.end()
    return stream.getvalue()


def test_a_line_has_loss_and_speed_since_the_line_before() -> None:
    assert ten_steps(io.StringIO(), 3).splitlines() == [
        f"epoch=1 step={number} train:loss=0.5000 train:images_per_second=10.67" for number in (2, 4, 6, 8, 10)
    ]


def test_quick_steps_make_no_lines() -> None:
    assert ten_steps(io.StringIO(), 0.4) == ""


def features_of_ten_batches(stream: io.StringIO, seconds_each: float, done: int = 0) -> str:
    now = [0.0]
    progress = FeatureProgress("train", 400, done, stream, clock=lambda: now[0])
    for _ in range((400 - done) // 40):
        now[0] += seconds_each
        progress.step(40)
    progress.end()
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
    text = features_of_ten_batches(Terminal(), 2)
    assert f"features of train {'━' * 15}{' ' * 15} 200/400 20 images/s" in text
    assert text.endswith("\r\x1b[Kfeatures=train images=400/400 train:images_per_second=20\n")


@pytest.mark.parametrize("name", ["train:loss", "train:images_per_second"])
def test_cloudwatch_finds_its_metrics_in_a_line(name: str) -> None:
    assert name in _METRICS
    line = ten_steps(io.StringIO(), 3).splitlines()[0]
    assert re.search(f"{name}=([0-9.eE+-]+)", line)


def test_cloudwatch_finds_the_speed_of_features() -> None:
    [found] = re.findall("train:images_per_second=([0-9.eE+-]+)", features_of_ten_batches(io.StringIO(), 0.01))
    assert float(found) == 4000


def test_on_a_terminal_there_is_a_bar_that_goes_away() -> None:
    text = ten_steps(Terminal(), 3)
    assert "━" * 15 + " " * 15 + " 5/10 loss 0.5000, 11 images/s" in text
    assert text.endswith("\r\x1b[K") and "\n" not in text
