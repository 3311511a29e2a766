"""Training of a head as in the original project's public repositories; prints the seconds of its epochs.

    python -m bench.peers.original_head WEIGHTS FOLDER EPOCHS

PIL transforms in the training loop, no workers, no normalisation, the frozen backbone in every epoch without gradients,
two layers on top, Adam. One change: the pretrained weights come from a file.
"""

import sys
import time

import torch
import torchvision
from safetensors.torch import load_file
from torch import nn
from torchvision import transforms
from torchvision.datasets import ImageFolder

BATCH = 64


def main(weights: str, folder: str, epochs: int) -> None:
    torch.manual_seed(0)
    model = torchvision.models.resnet50()
    model.load_state_dict(load_file(weights), strict=False)  # all but the last layer, which is replaced
    for parameter in model.parameters():
        parameter.requires_grad = False
    to_tensor = [transforms.Resize((224, 224)), transforms.ToTensor()]
    train = ImageFolder(f"{folder}/train", transforms.Compose([transforms.RandomHorizontalFlip(), *to_tensor]))
    model.fc = nn.Sequential(
        nn.Linear(model.fc.in_features, 128), nn.ReLU(inplace=True), nn.Linear(128, len(train.classes))
    )
    loader = torch.utils.data.DataLoader(train, batch_size=BATCH, shuffle=True)
    criterion, optimizer = nn.CrossEntropyLoss(), torch.optim.Adam(model.fc.parameters(), lr=0.001)
    start = time.perf_counter()
    for _ in range(epochs):
        model.train()
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
