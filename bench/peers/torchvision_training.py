"""Training of all layers by torchvision's reference recipe; prints images a second of each epoch as JSON.

    python -m bench.peers.torchvision_training PART ARCHITECTURE SIDE FOLDER EPOCHS BATCH WORKERS

PART is `loader` (batches alone, without a network), `train`, or `step` or `compiled`: steps on data of the device.
On a GPU in bf16, channels-last. Source: https://github.com/pytorch/vision/tree/main/references/classification. Random
resized crop, flip, normalisation, DataLoader with workers, SGD with momentum. In its favour, the workers stay from one
epoch to the next, and no value is read from the GPU in a step.
"""

import json
import sys
import time
from collections.abc import Iterable, Iterator

import torch
import torchvision
from torch import Tensor, nn
from torchvision import transforms
from torchvision.datasets import ImageFolder

from training.device import place
from training.networks import IMAGENET_MEAN, IMAGENET_STD

RATE, SYNTHETIC_STEPS, WARM_UP = 0.1, 24, 3


def main(part: str, architecture: str, side: int, folder: str, epochs: int, batch: int, workers: int) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if part == "loader":
        loader = _loader(folder, side, batch, workers)
        print(json.dumps([_speed(batches, lambda images, labels: None) for batches in [loader] * epochs]))
        return
    torch.manual_seed(0)
    model = place(getattr(torchvision.models, architecture)(num_classes=10).train(), device, side)
    step = _step(torch.compile(model) if part == "compiled" else model, device)
    if part == "train":
        loader = _loader(folder, side, batch, workers)
        print(json.dumps([_speed(loader, step) for _ in range(epochs)]))
    else:
        images = torch.rand(batch, 3, side, side, device=device).to(memory_format=torch.channels_last)
        labels = torch.zeros(batch, dtype=torch.int64, device=device)
        for _ in range(WARM_UP):
            step(images, labels)
        speeds = [_speed(([images, labels] for _ in range(SYNTHETIC_STEPS)), step) for _ in range(epochs)]
        print(json.dumps(speeds))


def _loader(folder: str, side: int, batch: int, workers: int) -> "torch.utils.data.DataLoader[object]":
    changes = [
        transforms.RandomResizedCrop(side), transforms.RandomHorizontalFlip(), transforms.PILToTensor(),
        transforms.ConvertImageDtype(torch.float), transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
    ]  # fmt: skip
    images = ImageFolder(f"{folder}/train", transforms.Compose(changes))
    pinned = torch.cuda.is_available()
    return torch.utils.data.DataLoader(
        images, batch, shuffle=True, num_workers=workers, pin_memory=pinned, persistent_workers=True
    )


def _step(model: nn.Module, device: torch.device):  # type: ignore[no-untyped-def]
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=0.9, weight_decay=1e-4)
    criterion = nn.CrossEntropyLoss()

    def take(images: Tensor, labels: Tensor) -> None:
        images = images.to(device, non_blocking=True, memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss = criterion(model(images), labels.to(device, non_blocking=True))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return take


def _speed(batches: Iterable[list[Tensor]] | Iterator[list[Tensor]], step) -> float:  # type: ignore[no-untyped-def]
    """Images a second over the batches."""
    start, images = time.perf_counter(), 0
    for pixels, labels in batches:
        step(pixels, labels)
        images += len(labels)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return images / (time.perf_counter() - start)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], *map(int, sys.argv[5:8]))
