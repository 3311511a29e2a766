"""Handler for TorchServe: its image classifier (ts.torch_handler.image_classifier) without captum's explanations.

It runs in TorchServe's environment and inherits loading, batching and inference from TorchServe's base handler.
"""

import io
from typing import Any

import torch
from PIL import Image
from torchvision import transforms
from ts.torch_handler.base_handler import BaseHandler


class ImageClassifierHandler(BaseHandler):
    """Classifies an image; returns the five most probable classes."""

    image_processing = transforms.Compose(
        [
            transforms.Resize(224),  # not TorchServe's 256: the same pixels as our model
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
        ]
    )

    def preprocess(self, data: list[dict[str, Any]]) -> torch.Tensor:
        images = (Image.open(io.BytesIO(row.get("data") or row["body"])) for row in data)
        return torch.stack([self.image_processing(image) for image in images]).to(self.device)

    def postprocess(self, data: torch.Tensor) -> list[dict[str, float]]:
        probabilities, classes = torch.topk(torch.softmax(data, 1), 5, 1)
        return [
            dict(zip(map(str, row), values, strict=True))
            for row, values in zip(classes.tolist(), probabilities.tolist(), strict=True)
        ]
