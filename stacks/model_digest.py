"""The identity of a trained model: everything that decides what the training job makes, and nothing else."""

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

    Same digest, same model: it is never trained twice. `code` is the hash of the training program with the
    serving code it packs; `image` the container without its region, because the same image is in every
    region.
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
