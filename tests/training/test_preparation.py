"""Images reach a network as torchvision prepares them for its weights, so an endpoint sees what the network learnt."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import models

from training.networks import NETWORKS
from training.preparation import preprocessing
from training.settings import Hyperparameters


def picture(width: int, height: int) -> Image.Image:
    """A picture with slopes and soft edges, as a photograph has them."""
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    waves = [np.sin(9 * across + 4 * down), np.cos(7 * across * down), np.sin(14 * down - 3 * across)]
    return Image.fromarray(np.stack([127.5 + 120 * wave for wave in waves], 2).astype(np.uint8))


@pytest.mark.parametrize("size", [(500, 375), (375, 500), (256, 256), (90, 70)])
@pytest.mark.parametrize(
    "name",
    ["resnet50", "convnext_tiny", "efficientnet_b0", "efficientnet_v2_l", "swin_v2_t", "vit_b_16", "inception_v3"],
)
def test_an_image_is_prepared_as_torchvision_does_for_the_network_s_weights(name: str, size: tuple[int, int]) -> None:
    """ImageClassification, torchvision/transforms/_presets.py; values differ by rounding alone."""
    image, file = picture(*size), io.BytesIO()
    image.save(file, "PNG")
    expected = models.get_model_weights(name).DEFAULT.transforms()(image)

    ours = preprocessing(Hyperparameters(name, image_size=NETWORKS[name].size))
    found = torch.from_numpy(ours.normalise(ours.read_square(file.getvalue())[np.newaxis])[0])

    steps = (found - expected).abs() * torch.tensor(ours.std).reshape(3, 1, 1) * 255
    assert steps.max() < 2.01  # each of the two passes of a resizing rounds
    assert steps.mean() < 0.2
