"""Networks that can be trained: torchvision's, resnet10 for small images, and a backbone of one's own.

A literal table, so that neither synth nor a head's training imports PyTorch. The tests compare it with torchvision's
metadata of each network's default weights.
"""

from difflib import get_close_matches
from typing import NamedTuple

OWN = "onnx"  # a backbone that the user brings; `make weights FILE=backbone.onnx`
MAX_BYTES = 2**31 - 1  # of an ONNX file, a protobuf message
FLOAT_BYTES = 4
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_HALF = (0.5, 0.5, 0.5)


class Network(NamedTuple):
    """A network at its own image size.

    Attributes:
        parameters: number of weights, the last layer for ImageNet's 1,000 classes included.
        multiply_adds: for an image, 1e9.
        outputs: of all its layers for an image, numbers, 1e6; a training keeps them until the gradient is there.
        last_stage: first module of the layers at the lowest resolution (of a vision transformer, its last quarter); it
            and all modules after it are the last stage.
        size: side of the square that its weights were trained on, px.
        resize: shorter side of an image of which that square is the middle, px.
        minimum: smallest image size, px; equal to `size` if it takes no other.
    """

    parameters: int
    multiply_adds: float
    outputs: float
    last_stage: str
    size: int
    resize: int
    minimum: int
    interpolation: str = "bilinear"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    @property
    def fixed(self) -> bool:
        """True if it takes images of its own size alone."""
        return self.minimum == self.size

    @property
    def weight_bytes(self) -> int:
        """Size of its weights."""
        return FLOAT_BYTES * self.parameters


def check_name(name: str) -> None:
    """ValueError with what was expected, unless there is such a network and it can be exported."""
    if name not in NETWORKS:
        near = get_close_matches(name, NETWORKS, n=3)
        raise ValueError(NAMES + (f" (did you mean {' or '.join(near)}?)" if near else ""))
    if NETWORKS[name].weight_bytes > MAX_BYTES:
        size = f"{NETWORKS[name].weight_bytes / 2**30:.1f} GiB of weights"
        raise ValueError(f"a network that can be exported: {name} has {size}, and an ONNX file holds 2")


def making_weights(architecture: str) -> str:
    """Command that makes a weights file of the network."""
    return f"make weights {'FILE=FILE.onnx' if architecture == OWN else f'ARCH={architecture}'}"


def check_size(architecture: str, image_size: int) -> None:
    """ValueError with what was expected, unless the network takes images of this size."""
    network = NETWORKS[architecture]
    if network.fixed and image_size != network.size:
        raise ValueError(f"{network.size}, the only size that {architecture} takes")
    if image_size < network.minimum:
        raise ValueError(f"{network.minimum} or more, which {architecture} needs")


def check_trainable(architecture: str, trainable: str) -> None:
    """ValueError with what was expected, unless these layers of the network can be trained."""
    if architecture == OWN and trainable != "head":
        raise ValueError("head: the layers of an ONNX backbone cannot be trained")


# parameters, multiply-adds, outputs of all layers, last stage, size, resized to, smallest size
NETWORKS = {
    "alexnet": Network(61_100_840, 0.714, 1.098, "features.6", 224, 256, 224),
    "convnext_base": Network(88_591_464, 15.355, 67.19, "features.6", 224, 232, 32),
    "convnext_large": Network(197_767_336, 34.361, 100.8, "features.6", 224, 232, 32),
    "convnext_small": Network(50_223_688, 8.684, 50.39, "features.6", 224, 230, 32),
    "convnext_tiny": Network(28_589_128, 4.456, 31.43, "features.6", 224, 236, 32),
    "densenet121": Network(7_978_856, 2.834, 38.56, "features.denseblock4", 224, 256, 29),
    "densenet161": Network(28_681_000, 7.728, 70.36, "features.denseblock4", 224, 256, 29),
    "densenet169": Network(14_149_480, 3.36, 45.65, "features.denseblock4", 224, 256, 29),
    "densenet201": Network(20_013_928, 4.291, 57.57, "features.denseblock4", 224, 256, 29),
    "efficientnet_b0": Network(5_288_548, 0.386, 19.87, "features.6", 224, 256, 1, "bicubic"),
    "efficientnet_b1": Network(7_794_184, 0.687, 32.22, "features.6", 240, 255, 1),
    "efficientnet_b2": Network(9_109_994, 1.088, 47.98, "features.6", 288, 288, 1, "bicubic"),
    "efficientnet_b3": Network(12_233_232, 1.827, 70.56, "features.6", 300, 320, 1, "bicubic"),
    "efficientnet_b4": Network(19_341_616, 4.394, 146.9, "features.6", 380, 384, 1, "bicubic"),
    "efficientnet_b5": Network(30_389_784, 10.266, 294.2, "features.6", 456, 456, 1, "bicubic"),
    "efficientnet_b6": Network(43_040_704, 19.068, 498.3, "features.6", 528, 528, 1, "bicubic"),
    "efficientnet_b7": Network(66_347_960, 37.746, 864.5, "features.6", 600, 600, 1, "bicubic"),
    "efficientnet_v2_l": Network(118_515_272, 56.08, 479.5, "features.6", 480, 480, 33, "bicubic", _HALF, _HALF),
    "efficientnet_v2_m": Network(54_139_356, 24.582, 272.2, "features.6", 480, 480, 33),
    "efficientnet_v2_s": Network(21_458_488, 8.366, 108.3, "features.6", 384, 384, 33),
    "googlenet": Network(6_624_904, 1.498, 7.873, "inception5a", 224, 256, 15),
    "inception_v3": Network(27_161_264, 5.713, 18.52, "Mixed_7a", 299, 342, 75),
    "maxvit_t": Network(30_919_624, 5.558, 84.7, "blocks.3", 224, 224, 224, "bicubic"),
    "mnasnet0_5": Network(2_218_512, 0.104, 8.822, "layers.12", 224, 256, 1),
    "mnasnet0_75": Network(3_170_208, 0.215, 13.69, "layers.12", 224, 232, 1),
    "mnasnet1_0": Network(4_383_312, 0.314, 15.71, "layers.12", 224, 256, 1),
    "mnasnet1_3": Network(6_282_256, 0.526, 21.15, "layers.12", 224, 232, 1),
    "mobilenet_v2": Network(3_504_872, 0.301, 19.46, "features.14", 224, 232, 1),
    "mobilenet_v3_large": Network(5_483_032, 0.217, 12.64, "features.13", 224, 232, 1),
    "mobilenet_v3_small": Network(2_542_856, 0.057, 4.107, "features.9", 224, 256, 1),
    "regnet_x_16gf": Network(54_278_536, 15.941, 75.07, "trunk_output.block4", 224, 232, 1),
    "regnet_x_1_6gf": Network(9_190_136, 1.603, 23.32, "trunk_output.block4", 224, 232, 1),
    "regnet_x_32gf": Network(107_811_560, 31.736, 106.9, "trunk_output.block4", 224, 232, 1),
    "regnet_x_3_2gf": Network(15_296_552, 3.177, 33.52, "trunk_output.block4", 224, 232, 1),
    "regnet_x_400mf": Network(5_495_976, 0.414, 9.321, "trunk_output.block4", 224, 232, 1),
    "regnet_x_800mf": Network(7_259_656, 0.8, 15.05, "trunk_output.block4", 224, 232, 1),
    "regnet_x_8gf": Network(39_572_648, 7.995, 41.5, "trunk_output.block4", 224, 232, 1),
    "regnet_y_128gf": Network(644_812_894, 374.57, 620.5, "trunk_output.block4", 384, 384, 1, "bicubic"),
    "regnet_y_16gf": Network(83_590_140, 15.912, 67.68, "trunk_output.block4", 224, 232, 1),
    "regnet_y_1_6gf": Network(11_202_430, 1.612, 23.78, "trunk_output.block4", 224, 232, 1),
    "regnet_y_32gf": Network(145_046_770, 32.28, 89.05, "trunk_output.block4", 224, 232, 1),
    "regnet_y_3_2gf": Network(19_436_338, 3.176, 33.21, "trunk_output.block4", 224, 232, 1),
    "regnet_y_400mf": Network(4_344_144, 0.402, 11.38, "trunk_output.block4", 224, 232, 1),
    "regnet_y_800mf": Network(6_432_512, 0.834, 15.85, "trunk_output.block4", 224, 232, 1),
    "regnet_y_8gf": Network(39_381_472, 8.473, 57.84, "trunk_output.block4", 224, 232, 1),
    "resnet10": Network(5_418_792, 0.889, 5.22, "layer4", 224, 224, 1),
    "resnet101": Network(44_549_160, 7.801, 47.39, "layer4", 224, 232, 1),
    "resnet152": Network(60_192_808, 11.514, 66.36, "layer4", 224, 232, 1),
    "resnet18": Network(11_689_512, 1.814, 7.478, "layer4", 224, 256, 1),
    "resnet34": Network(21_797_672, 3.664, 11.24, "layer4", 224, 256, 1),
    "resnet50": Network(25_557_032, 4.089, 32.04, "layer4", 224, 232, 1),
    "resnext101_32x8d": Network(88_791_336, 16.414, 92.33, "layer4", 224, 232, 1),
    "resnext101_64x4d": Network(83_455_272, 15.46, 92.33, "layer4", 224, 232, 1),
    "resnext50_32x4d": Network(25_028_904, 4.23, 41.9, "layer4", 224, 232, 1),
    "shufflenet_v2_x0_5": Network(1_366_792, 0.04, 2.946, "stage4", 224, 256, 1),
    "shufflenet_v2_x1_0": Network(2_278_604, 0.145, 5.465, "stage4", 224, 256, 1),
    "shufflenet_v2_x1_5": Network(3_503_624, 0.296, 7.687, "stage4", 224, 232, 1),
    "shufflenet_v2_x2_0": Network(7_393_996, 0.583, 10.36, "stage4", 224, 232, 1),
    "squeezenet1_0": Network(1_248_424, 0.819, 9.333, "features.12", 224, 256, 21),
    "squeezenet1_1": Network(1_235_496, 0.349, 5.596, "features.9", 224, 256, 17),
    "swin_b": Network(87_768_224, 15.431, 58.36, "features.6", 224, 238, 224, "bicubic"),
    "swin_s": Network(49_606_258, 8.741, 43.77, "features.6", 224, 246, 224, "bicubic"),
    "swin_t": Network(28_288_354, 4.491, 27.51, "features.6", 224, 232, 224, "bicubic"),
    "swin_v2_b": Network(87_930_848, 20.325, 81.38, "features.6", 256, 272, 256, "bicubic"),
    "swin_v2_s": Network(49_737_442, 11.546, 62.42, "features.6", 256, 260, 256, "bicubic"),
    "swin_v2_t": Network(28_351_570, 5.94, 38.38, "features.6", 256, 260, 256, "bicubic"),
    "vgg11": Network(132_863_336, 7.609, 16.43, "features.16", 224, 256, 224),
    "vgg11_bn": Network(132_868_840, 7.609, 23.86, "features.22", 224, 256, 224),
    "vgg13": Network(133_047_848, 11.308, 26.07, "features.20", 224, 256, 224),
    "vgg13_bn": Network(133_053_736, 11.308, 38.31, "features.28", 224, 256, 224),
    "vgg16": Network(138_357_544, 15.47, 28.68, "features.24", 224, 256, 224),
    "vgg16_bn": Network(138_365_992, 15.47, 42.22, "features.34", 224, 256, 224),
    "vgg19": Network(143_667_240, 19.632, 31.29, "features.28", 224, 256, 224),
    "vgg19_bn": Network(143_678_248, 19.632, 46.14, "features.40", 224, 256, 224),
    "vit_b_16": Network(86_567_656, 17.564, 31.32, "encoder.layers.encoder_layer_9", 224, 256, 224),
    "vit_b_32": Network(88_224_232, 4.409, 7.949, "encoder.layers.encoder_layer_9", 224, 256, 224),
    "vit_h_14": Network(633_470_440, 1016.717, 0, "encoder.layers.encoder_layer_24", 518, 518, 518, "bicubic"),
    "vit_l_16": Network(304_326_632, 61.555, 82.91, "encoder.layers.encoder_layer_18", 224, 242, 224),
    "vit_l_32": Network(306_535_400, 15.378, 21.04, "encoder.layers.encoder_layer_18", 224, 256, 224),
    "wide_resnet101_2": Network(126_886_696, 22.753, 62.37, "layer4", 224, 232, 1),
    "wide_resnet50_2": Network(68_883_240, 11.398, 41.9, "layer4", 224, 232, 1),
    OWN: Network(0, 0, 0, "", 224, 224, 1),
}
NAMES = "resnet10, onnx, or a classification network of torchvision 0.28 such as resnet50, convnext_tiny or vit_b_16"
