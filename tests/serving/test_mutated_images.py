"""Files and requests with bytes changed, added and left out at random: each is answered, with little memory."""

import asyncio
import base64
import collections
import json
import random
import resource
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, features

from serving.classifier import Classifier
from serving.preprocessing import MAX_MEMORY, ImageError, read_square
from tests.serving.hostile import encoded
from tests.serving.test_app import Client
from tests.serving.test_image_formats import UNREADABLE_METADATA

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8))
HANGS_SECONDS = 60
FIELDS = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\1\0\0\0")


def whole() -> list[bytes]:
    kinds = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", *(("AVIF",) if features.check("avif") else ()))
    more = [encoded(NOISE, "TIFF", compression=name) for name in ("tiff_lzw", "tiff_adobe_deflate", "jpeg")]
    more += [encoded(NOISE, "JPEG", progressive=True), encoded(NOISE, "WEBP", lossless=True), encoded(NOISE, "MPO")]
    more += [encoded(NOISE, kind, save_all=True, append_images=[NOISE]) for kind in ("WEBP", "PNG", "GIF")]
    return [*(encoded(NOISE, kind) for kind in kinds), *more, *(make() for make in UNREADABLE_METADATA.values())]


def changed(content: bytes, choose: random.Random) -> bytes:
    mutant = bytearray(content)
    for _ in range(choose.choice((1, 1, 2, 5, 20))):
        at = choose.randrange(min(len(mutant), choose.choice((64, 400, 10**9))))
        change: Callable[[], bytes] = choose.choice(
            (lambda: choose.randbytes(1), lambda: choose.randbytes(1), lambda: choose.choice(FIELDS))
        )
        found = change()
        mutant[at : at + len(found)] = found
        if choose.random() < 0.1:
            del mutant[at : at + choose.randrange(1, 50)]
            mutant += b"\0"
        if choose.random() < 0.1:
            mutant[at:at] = choose.randbytes(choose.randrange(1, 20))
    return bytes(mutant)


@pytest.mark.filterwarnings("error::ResourceWarning", "ignore:Tag data larger than file:UserWarning")
def test_mutated_images_are_read_or_refused() -> None:
    choose, contents = random.Random(0), whole()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {"read": 0, "refused": 0}
    for _ in range(2500):
        try:
            read_square(changed(choose.choice(contents), choose), 32)
            found["read"] += 1
        except ImageError:
            found["refused"] += 1
    assert min(found.values()) > 250
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 1.5 * MAX_MEMORY


@pytest.mark.long
@pytest.mark.filterwarnings("error::ResourceWarning")
def test_mutated_requests_are_answered_by_the_endpoint_without_an_error_of_its_own(classifier: Classifier) -> None:
    """2,500 images and JSON bodies through the application: no crash, no hang, no 5XX."""
    choose, contents, client = random.Random(1), whole(), Client(classifier)
    found: collections.Counter[int] = collections.Counter()
    for number in range(2500):
        image = changed(choose.choice(contents), choose)
        body, content_type = image, choose.choice(("application/x-image", "image/png", "image/jpeg"))
        if number % 5 == 0:
            text = json.dumps([{"image": base64.b64encode(image).decode()}] * choose.randrange(1, 4)).encode()
            body, content_type = (changed(text, choose) if number % 10 else text), "application/json"
        answered = client.post(body, content_type)
        status, _ = asyncio.run(asyncio.wait_for(answered, HANGS_SECONDS))
        found[status] += 1
    assert set(found) <= {200, 400, 413, 415}
    assert min(found[200], found[400]) > 250
