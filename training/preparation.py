"""Preparation of images for a network."""

from serving.preprocessing import Preprocessing
from training.networks import NETWORKS
from training.settings import Hyperparameters


def preprocessing(settings: Hyperparameters) -> Preprocessing:
    """As torchvision prepares images for the network's weights; at another size, the same part of the image."""
    network = NETWORKS[settings.architecture]
    resize = round(settings.image_size * network.resize / network.size)
    return Preprocessing(settings.image_size, resize, network.interpolation, network.mean, network.std)
