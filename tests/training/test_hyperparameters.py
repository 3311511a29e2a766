"""Hyper-parameters: read from texts, refused all at once."""

import pytest

from training.errors import InputError
from training.settings import Hyperparameters, parse


def test_what_is_not_given_keeps_its_default() -> None:
    assert parse({}) == Hyperparameters()


def test_texts_become_typed_values() -> None:
    texts = {
        "architecture": "resnet50",
        "image-size": "64",
        "epochs": "3",
        "batch-size": "32",
        "learning-rate": "1e-2",
        "trainable": "head",
        "seed": "7",
        "max-unreadable": "0",
    }
    assert parse(texts) == Hyperparameters("resnet50", 64, 3, 32, 0.01, "head", 7, 0.0)


def test_every_problem_is_reported_at_once() -> None:
    with pytest.raises(InputError) as caught:
        parse({"epochs": "0", "learning-rate": "nan", "architecture": "resnet19", "batch_sise": "8"})
    assert caught.value.problems == [
        "epochs is '0': give a whole number from 1 to 1000",
        "learning-rate is 'nan': give a number above 0 and at most 1",
        "architecture is 'resnet19': give resnet10, onnx, or a classification network of torchvision 0.28 such as "
        "resnet50, convnext_tiny or vit_b_16 (did you mean resnet18 or resnet10 or resnet152?)",
        "unknown setting batch_sise: did you mean batch-size?",
    ]


def test_a_name_like_no_other_gets_the_list_of_names() -> None:
    with pytest.raises(InputError, match="unknown setting zzz: the settings are architecture, image-size"):
        parse({"zzz": "1"})


@pytest.mark.parametrize("text", ["", "1.5", "many", "-1", "99999999999"])
def test_a_whole_number_must_be_one_and_in_range(text: str) -> None:
    with pytest.raises(InputError, match="epochs is"):
        parse({"epochs": text})


def test_a_head_learns_from_features_which_cannot_be_mixed() -> None:
    with pytest.raises(InputError) as caught:
        parse({"augment": "strong", "trainable": "head"})
    assert caught.value.problems == [
        "augment is 'strong': trainable=head sees an image's features, which cannot be mixed: set augment=photo, or "
        "trainable=all"
    ]
    assert parse({"augment": "strong", "trainable": "last-stage"}).augment == "strong"
