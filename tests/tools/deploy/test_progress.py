"""The log of training jobs while a deploy waits for them."""

import pytest

from tools.deploy.progress import source


@pytest.mark.parametrize(
    ("stream", "shown"),
    [
        ("slipway-dev-e40a4b10fecf-1/algo-1-1764300000", "algo-1"),
        ("slipway-dev-123456789012-1/algo-4-1764300000", "algo-4"),
        ("slipway-dev-e40a4b10fecf-1-003-0a1b2c3d/algo-1-1764300000", "003 algo-1"),
    ],
)
def test_a_line_names_its_instance_and_a_tuning_jobs_training_job(stream: str, shown: str) -> None:
    assert source(stream) == shown
