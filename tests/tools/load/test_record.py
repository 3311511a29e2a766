"""Files that a run writes: the times of every call as JSON, and a picture over time."""

import json
from pathlib import Path

from PIL import Image

from tools.load.engine import TimedCall
from tools.load.picture import draw
from tools.load.record import Record
from tools.load.watch import Observation


def record() -> Record:
    made = Record("rate", "toy", "ml.m5.large", {"seed": 0})
    made.calls = [TimedCall(0.2 * n, 0.2 * n, 0.2 * n + 0.5, "503" if n == 9 else "") for n in range(20)]
    made.observations = [Observation(0, 1, 1), Observation(1.5, 1, 2), Observation(2.5, 2, 2)]
    return made


def test_each_part_of_the_time_has_what_was_offered_served_and_failed_in_it() -> None:
    bins = record().over_time()
    assert [part.offered for part in bins] == [5, 5, 5, 5]
    assert sum(part.failed for part in bins) == 1
    assert [part.instances for part in bins] == [1, 1, 2, 2]
    assert {round(part.p99, 3) for part in bins} == {0.5}


def test_a_long_run_is_in_as_many_parts_as_asked() -> None:
    assert len(record().over_time(maximum=2)) == 2


def test_the_json_has_every_call(tmp_path: Path) -> None:
    written = json.loads(record().write(tmp_path).read_text())
    assert written["calls"]["due"][:3] == [0, 0.2, 0.4]
    assert written["calls"]["error"].count("503") == 1
    assert written["instances"][1] == {"seconds": 1.5, "instances": 1, "desired": 2}


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    written = record().write(tmp_path)
    text = written.read_text()
    assert Record.read(written).write(tmp_path).read_text() == text


def test_calls_of_a_later_step_are_put_after_the_earlier(tmp_path: Path) -> None:
    made = record()
    made.add([TimedCall(0, 0, 1, "")], since=10)
    assert made.calls[-1] == TimedCall(10, 10, 11, "")


def test_the_picture_is_one(tmp_path: Path) -> None:
    with Image.open(draw(record(), 0.4, tmp_path / "out" / "rate.png")) as picture:
        assert picture.width > 800
