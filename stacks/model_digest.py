"""The identity of a trained model: a digest of everything that determines it."""

import hashlib
import json
from collections.abc import Mapping


def model_digest(
    *,
    code: str,
    dataset: str,
    weights: str,
    hyperparameters: Mapping[str, str],
    image: str,
    instance_type: str,
    instance_count: int,
) -> str:
    """64 hex digits: sha256 of the ingredients as canonical JSON.

    A digest is never trained twice. `code` is the hash of the training program with the preprocessing that serving
    shares; `image` the training container without its region, because every region has the same image. The serving
    image is none: a new one serves the same model.
    """
    ingredients = {
        "code": code,
        "dataset": dataset,
        "weights": weights,
        "hyperparameters": dict(hyperparameters),
        "image": image,
        "instance_type": instance_type,
        "instance_count": instance_count,
    }
    canonical = json.dumps(ingredients, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
