"""The benchmark of the input pipeline, at a small scale: both programs run, and see the same images."""

from pathlib import Path

import pytest

from bench.photos import write_photos
from bench.train_photos import peer, pipeline, speeds


@pytest.mark.long
def test_both_pipelines_yield_a_speed(tmp_path: Path) -> None:
    write_photos(tmp_path, 24)
    ours, decoding = pipeline(tmp_path, side=32, batch=8, epochs=2)
    assert ours > 0 and decoding > 0
    assert peer("loader", "resnet18", 32, tmp_path, epochs=2, batch=8) > 0


def test_speeds_are_those_of_whole_epochs() -> None:
    log = "\n".join(
        [
            "epoch=1 step=3 train:loss=0.5000 train:images_per_second=11",
            "epoch=1 train:loss=0.5 validation:loss=0.5 validation:accuracy=0.9000 train:images_per_second=310.5",
            "epoch=2 train:loss=0.4 validation:loss=0.5 validation:accuracy=0.9000 train:images_per_second=320",
        ]
    )
    assert speeds(log) == [310.5, 320]
