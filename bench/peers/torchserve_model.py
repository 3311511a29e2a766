"""Network of the benchmark for TorchServe's eager mode: a file with one torch.nn.Module class."""

from torchvision.models.resnet import Bottleneck, ResNet


class ResNet50(ResNet):
    """torchvision's ResNet-50 for ten classes."""

    def __init__(self) -> None:
        super().__init__(Bottleneck, [3, 4, 6, 3], num_classes=10)
