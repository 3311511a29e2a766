"""Settings of benchmarks are accepted: a rule that is new must not end them unnoticed."""

from collections.abc import Mapping

import pytest

from bench import ec2_training, iam_gate
from settings import read_settings
from tests.defaults import DEFAULTS
from tools.demo.settings import DIGITS


@pytest.mark.parametrize(
    "settings", [dict(setting.split("=", 1) for setting in iam_gate.EVERYTHING), ec2_training.SETTINGS, DIGITS]
)
def test_they_are_accepted(settings: Mapping[str, str]) -> None:
    read_settings({**DEFAULTS, "weights": "0" * 64, **settings})
