"""Training by torchvision's reference recipe with all layers but the last frozen; prints seconds, then test accuracy.

    python -m bench.peers.torchvision_head ARCHITECTURE SIDE WEIGHTS FOLDER EPOCHS

Source: https://github.com/pytorch/vision/tree/main/references/classification. Random resized crop, flip, normalisation,
DataLoader with workers, SGD with momentum and cosine schedule. Frozen layers keep their BatchNorm statistics.
"""

import sys
import time

import torch
from safetensors.torch import load_file
from torch import nn
from torchvision import transforms
from torchvision.datasets import ImageFolder

from training.model import build
from training.networks import NETWORKS
from training.settings import Hyperparameters

BATCH, RATE, WORKERS = 64, 0.1, 2


def main(architecture: str, side: int, weights: str, folder: str, epochs: int) -> None:
    torch.manual_seed(0)
    model = build(Hyperparameters(architecture=architecture, trainable="head"), 1, None)
    model.load_state_dict(load_file(weights), strict=False)  # beside the layers it has the backbone as ONNX
    normalise = transforms.Normalize(NETWORKS[architecture].mean, NETWORKS[architecture].std)
    to_tensor = [transforms.PILToTensor(), transforms.ConvertImageDtype(torch.float), normalise]
    moved = [transforms.RandomResizedCrop(side), transforms.RandomHorizontalFlip()]
    whole = [transforms.Resize(side), transforms.CenterCrop(side)]
    train = ImageFolder(f"{folder}/train", transforms.Compose([*moved, *to_tensor]))
    test = ImageFolder(f"{folder}/test", transforms.Compose([*whole, *to_tensor]))
    model.fc = nn.Linear(model.fc.in_features, len(train.classes))
    loader = torch.utils.data.DataLoader(train, batch_size=BATCH, shuffle=True, num_workers=WORKERS)
    optimizer = torch.optim.SGD(model.fc.parameters(), lr=RATE, momentum=0.9, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    criterion = nn.CrossEntropyLoss()
    model.eval()
    start = time.perf_counter()
    for _ in range(epochs):
        for images, labels in loader:
            loss = criterion(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    print(time.perf_counter() - start)
    with torch.inference_mode():
        batches = torch.utils.data.DataLoader(test, batch_size=BATCH)
        right = sum(int((model(images).argmax(1) == labels).sum()) for images, labels in batches)
    print(right / len(test))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5]))
