"""The table of networks is torchvision's, and what a network cannot take is refused with what it can."""

import pytest
import torchvision
from torch import nn
from torchvision import models

from serving.preprocessing import Preprocessing
from training.errors import InputError
from training.model import untrained
from training.networks import NETWORKS, OWN
from training.preparation import preprocessing
from training.settings import Hyperparameters, parse

TORCHVISIONS = models.list_models(module=models)
# One network of a size is as another of its kind.
ONE_OF_EACH_FAMILY = [
    "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3",
    "maxvit_t", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "regnet_x_400mf",
    "regnet_y_400mf", "resnet10", "resnet50", "resnext50_32x4d", "shufflenet_v2_x0_5", "squeezenet1_0",
    "squeezenet1_1", "swin_t", "swin_v2_t", "vgg11", "vgg13_bn", "vit_b_32", "wide_resnet50_2",
]  # fmt: skip
# At another size, the legacy exporter has no operator for their pooling to a number of cells that is no divisor.
ONLY_THEIR_OWN_SIZE = ("alexnet", "vgg")


def test_every_classification_network_of_torchvision_is_there() -> None:
    assert len(TORCHVISIONS) == 80
    assert NETWORKS.keys() == {*TORCHVISIONS, "resnet10", OWN}


@pytest.mark.parametrize("name", TORCHVISIONS)
def test_a_network_is_as_torchvision_describes_its_default_weights(name: str) -> None:
    weights = models.get_model_weights(name).DEFAULT
    described, prepared, network = weights.meta, weights.transforms(), NETWORKS[name]
    assert (network.parameters, network.multiply_adds) == (described["num_params"], described["_ops"])
    assert [network.size] == prepared.crop_size
    assert [network.resize] == prepared.resize_size
    assert network.interpolation == prepared.interpolation.value
    assert [[*network.mean], [*network.std]] == [prepared.mean, prepared.std]
    minimum = network.size if name.startswith(ONLY_THEIR_OWN_SIZE) else described["min_size"][0]
    assert network.minimum == minimum


@pytest.mark.parametrize("name", ONE_OF_EACH_FAMILY)
def test_its_last_stage_is_a_part_of_it(name: str) -> None:
    model = untrained(name)
    stage = NETWORKS[name].last_stage
    within = [part for part, _ in model.named_parameters() if part.startswith(f"{stage}.")]
    assert within
    assert next(name for name, _ in model.named_parameters()) not in within
    if name == "resnet10":
        assert sum(part.numel() for part in model.parameters()) == NETWORKS[name].parameters
    # with less, the statistics of a short training are still those before it
    assert {part.momentum for part in model.modules() if isinstance(part, nn.BatchNorm2d)} <= {0.1}


def test_images_are_prepared_as_for_the_weights_and_in_scale_at_another_size() -> None:
    assert preprocessing(Hyperparameters("efficientnet_v2_l", image_size=480)) == Preprocessing(
        480, 480, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
    )
    assert preprocessing(Hyperparameters("resnet18", image_size=112)).resize == 128


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"architecture": "convnext_tiiny"}, "such as resnet50, .* (did you mean convnext_tiny or "),
        ({"architecture": "zzz"}, "architecture is 'zzz': give resnet10, onnx, or a classification network of torchv"),
        ({"architecture": "vit_h_14"}, "vit_h_14 has 2.4 GiB of weights, and an ONNX file holds 2"),
        ({"architecture": "regnet_y_128gf"}, "regnet_y_128gf has 2.4 GiB"),
        (
            {"architecture": "vit_b_16", "image-size": "128"},
            "'128': give 224, the only size that vit_b_16 takes",
        ),
        ({"architecture": "vgg16"}, "image-size is '128': give 224, the only size that vgg16 takes"),
        ({"architecture": "swin_v2_t", "image-size": "224"}, "image-size is '224': give 256, the only size"),
        (
            {"architecture": "inception_v3", "image-size": "64"},
            "image-size is '64': give 75 or more, which incep",
        ),
        ({"architecture": "onnx"}, "trainable is 'all': give head: the layers of an ONNX backbone cannot be trained"),
    ],
)
def test_what_a_network_cannot_take_is_refused(settings: dict[str, str], said: str) -> None:
    with pytest.raises(InputError) as refused:
        parse(settings)
    [problem] = refused.value.problems
    before, _, after = said.partition(".*")
    assert before.strip() in problem
    assert after.strip() in problem


def test_the_table_names_the_version_that_is_installed() -> None:
    from training.networks import NAMES

    assert f"torchvision {'.'.join(torchvision.__version__.split('.')[:2])}" in NAMES
