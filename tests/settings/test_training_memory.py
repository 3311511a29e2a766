"""Settings of an EC2 training that the instance's memory cannot hold are refused, with those that it can."""

from typing import Any

import pytest

from aws.ec2_types import EC2_TYPES
from settings import SettingsError, read_settings
from settings.training_memory import TrainingMemory, available, require_memory
from tests.defaults import DEFAULTS
from training.networks import NETWORKS, OWN
from training.settings import Recipe, declared

WEIGHTS = {"trainable": "head", "weights": "1" * 64}
RESNET18 = TrainingMemory("resnet18", 128, 64, "all")


def read(**settings: Any) -> str:
    return read_settings({**DEFAULTS, "ec2_training": True, **settings}).ec2_instance_type


def refusal(**settings: Any) -> str:
    with pytest.raises(SettingsError) as refused:
        read(**settings)
    [problem] = refused.value.problems
    return problem


def test_the_head_of_the_documents_trains_on_a_t2_micro() -> None:
    """As docs/training-in-aws.md prints it; at the size of torchvision's networks, too."""
    assert read(architecture="resnet50", **WEIGHTS) == "t2.micro"
    assert read(architecture="resnet50", image_size=224, **WEIGHTS) == "t2.micro"


def test_what_does_not_fit_is_refused_with_each_way_that_does() -> None:
    said = refusal()
    assert said.startswith(
        "ec2_instance_type = 't2.micro': training all layers of a resnet18 at 128 px in batches of 64 takes some "
    )
    ways = said.partition(": take ")[2]
    assert ways.startswith(
        "ec2_instance_type=t3.small, batch_size=16, image_size=64 or trainable=last-stage with weights (make weights)"
    )
    for way in ({"ec2_instance_type": "t3.small"}, {"batch_size": 16}, {"image_size": 64}):
        assert read(**way)
    assert read(**WEIGHTS | {"trainable": "last-stage"})


@pytest.mark.parametrize("change", [{"batch_size": 32}, {"image_size": 96}, {"architecture": "resnet10"}])
def test_a_way_that_does_not_go_far_enough_is_refused(change: dict[str, Any]) -> None:
    assert "a t2.micro has 940" in refusal(**change)


def test_what_no_instance_holds_says_what_the_largest_would() -> None:
    said = refusal(architecture="resnet50", image_size=512, batch_size=1024, ec2_instance_type="t3.large")
    assert "and a t3.large has 8,456: take " in said
    assert "ec2_instance_type=" not in said.partition(": take ")[2].partition(" (set it")[0]


def test_without_an_ec2_training_nothing_is_judged() -> None:
    assert read(ec2_training=False) == "t2.micro"


def test_a_wrong_setting_is_told_alone() -> None:
    assert refusal(batch_size=1).startswith("batch_size")


@pytest.mark.parametrize("type_", EC2_TYPES)
def test_the_boundary_is_what_the_instance_has(type_: str) -> None:
    batches = [RESNET18._replace(batch_size=batch) for batch in range(2, 2000)]
    largest = max((memory for memory in batches if memory.fits(type_)), key=lambda memory: memory.megabytes)
    more = largest._replace(batch_size=largest.batch_size + 1)
    assert largest.megabytes <= available(type_) < more.megabytes
    require_memory(largest, type_)
    with pytest.raises(ValueError, match=f"a {type_} has"):
        require_memory(more, type_)


def test_a_way_that_the_network_does_not_take_is_none() -> None:
    said = refusal(architecture="vit_b_32", image_size=224, **WEIGHTS)
    assert "image_size=" not in said
    smaller = refusal(architecture="resnet152", image_size=224, **WEIGHTS)
    assert "architecture=resnet50" in smaller


def test_every_network_and_choice_of_layers_has_an_estimate_that_grows_with_images_and_their_size() -> None:
    for architecture in NETWORKS.keys() - {OWN}:
        for trainable in declared(Recipe)["trainable"].expected.removeprefix("one of ").split(", "):
            memory = TrainingMemory(architecture, 128, 512, trainable)
            assert memory.megabytes <= memory._replace(image_size=256).megabytes
            assert memory.megabytes <= memory._replace(batch_size=1024).megabytes


@pytest.mark.parametrize(
    ("trainable", "architecture", "size", "batch", "measured"),
    [
        ("all", "resnet10", 28, 16, 613),
        ("all", "resnet10", 128, 64, 1069),
        ("all", "resnet18", 64, 64, 815),
        ("all", "resnet18", 128, 16, 867),
        ("all", "resnet18", 128, 32, 1002),
        ("all", "resnet18", 128, 64, 1377),
        ("all", "resnet18", 224, 32, 1740),
        ("all", "resnet34", 64, 32, 1197),
        ("all", "resnet34", 128, 64, 1770),
        ("all", "resnet50", 128, 8, 1290),
        ("all", "resnet50", 128, 32, 2076),
        ("last-stage", "resnet18", 128, 64, 830),
        ("last-stage", "resnet50", 128, 32, 1238),
        ("last-stage", "resnet50", 224, 16, 1304),
        ("head", "resnet10", 128, 64, 265),
        ("head", "resnet18", 128, 64, 444),
        ("head", "resnet34", 128, 64, 785),
        ("head", "resnet34", 224, 16, 790),
        ("head", "resnet50", 128, 64, 818),
        ("head", "resnet50", 224, 64, 868),
        ("head", "convnext_tiny", 224, 16, 1347),
        ("head", "mobilenet_v3_large", 224, 16, 341),
        ("all", "mobilenet_v3_large", 128, 32, 1061),
    ],
)
def test_the_estimate_covers_what_was_measured_and_not_much_more(
    trainable: str, architecture: str, size: int, batch: int, measured: int
) -> None:
    """docs/benchmarks.md, "Memory of a training"."""
    estimate = TrainingMemory(architecture, size, batch, trainable).megabytes
    assert measured < estimate < 1.3 * measured
