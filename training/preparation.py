"""Preparation of images for a network."""

from serving.preprocessing import Preprocessing
from training.networks import NETWORKS
from training.settings import Hyperparameters


def preprocessing(settings: Hyperparameters) -> Preprocessing:
    """Torchvision's preparation for the network's weights; at another `image_size`, the same part of the image."""
    network = NETWORKS[settings.architecture]
    resize = round(settings.image_size * network.resize / network.size)
    return Preprocessing(settings.image_size, resize, network.interpolation, network.mean, network.std)
