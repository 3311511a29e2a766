"""A model's digest changes with each thing that decides what is trained, and with nothing else."""

from typing import Any

import pytest

from settings import read_settings
from stacks.model_digest import model_digest
from tests.defaults import DEFAULTS

INGREDIENTS: dict[str, Any] = {
    "code": "c0de",
    "dataset": "da7a",
    "weights": "",
    "hyperparameters": {"epochs": "5", "seed": "0"},
    "image": "pytorch:2.13",
    "instance_type": "ml.m5.xlarge",
    "instance_count": 1,
}


def test_the_digest_is_64_hex_digits() -> None:
    digest = model_digest(**INGREDIENTS)
    assert len(digest) == 64
    assert int(digest, 16) >= 0


def test_the_digest_does_not_depend_on_order() -> None:
    turned = {**INGREDIENTS, "hyperparameters": {"seed": "0", "epochs": "5"}}
    assert model_digest(**turned) == model_digest(**INGREDIENTS)


@pytest.mark.parametrize(
    ("ingredient", "other"),
    [
        ("code", "c0df"),
        ("dataset", "da7b"),
        ("weights", "3e1d"),
        ("hyperparameters", {"epochs": "6", "seed": "0"}),
        ("hyperparameters", {"epochs": "5"}),
        ("image", "pytorch:2.14"),
        ("instance_type", "ml.m5.2xlarge"),
        ("instance_count", 4),
    ],
)
def test_each_ingredient_changes_the_digest(ingredient: str, other: Any) -> None:
    assert model_digest(**{**INGREDIENTS, ingredient: other}) != model_digest(**INGREDIENTS)


def test_all_the_training_settings_are_hyperparameters_with_the_data_set_s_digest_and_no_other() -> None:
    assert sorted(read_settings(DEFAULTS).hyperparameters) == [
        "architecture", "augment", "batch-size", "class-weights", "compile", "dataset-digest", "epochs", "export-int8",
        "image-size", "learning-rate", "max-unreadable", "precision", "seed", "trainable", "views",
    ]  # fmt: skip
