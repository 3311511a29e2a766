"""Image bytes to network input: every kind of JPEG, PNG and WebP looks as a person sees it; the rest is refused."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image

from serving.preprocessing import ImageError, TooManyPixels, decode, normalise, read_square, square

Encode = Callable[..., bytes]


def colour_of(content: bytes) -> tuple[int, ...]:
    image = decode(content)
    assert image.mode == "RGB"
    return tuple(np.asarray(image)[0, 0])


@pytest.mark.parametrize(
    ("image", "seen"),
    [
        (Image.new("L", (4, 4), 100), (100, 100, 100)),
        (Image.new("1", (4, 4), 1), (255, 255, 255)),
        (Image.new("RGBA", (4, 4), (10, 20, 30, 255)), (10, 20, 30)),
        (Image.new("RGBA", (4, 4), (10, 20, 30, 0)), (255, 255, 255)),
        (Image.new("LA", (4, 4), (0, 0)), (255, 255, 255)),
        (Image.fromarray(np.full((4, 4), 0x80FF, np.uint16)), (128, 128, 128)),
        (Image.new("RGB", (4, 4), (200, 0, 0)).quantize(4), (200, 0, 0)),
    ],
    ids=["grey", "one bit", "opaque", "transparent", "transparent grey", "16 bits", "palette"],
)
def test_every_kind_of_png_becomes_rgb(encode: Encode, image: Image.Image, seen: tuple[int, ...]) -> None:
    assert colour_of(encode(image)) == seen


def test_a_transparent_palette_colour_shows_white(encode: Encode) -> None:
    image = Image.new("P", (4, 4), 0)
    image.info["transparency"] = 0
    buffer = io.BytesIO()
    image.save(buffer, "PNG", transparency=0)
    assert colour_of(buffer.getvalue()) == (255, 255, 255)


def test_cmyk_jpeg(encode: Encode) -> None:
    assert colour_of(encode(Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "JPEG")) == (255, 255, 255)


def test_webp_with_and_without_loss_and_transparency(encode: Encode) -> None:
    def webp(image: Image.Image, **options: object) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", **options)
        return buffer.getvalue()

    assert colour_of(webp(Image.new("RGB", (8, 8), (10, 20, 30)), lossless=True)) == (10, 20, 30)
    assert np.allclose(colour_of(webp(Image.new("RGB", (8, 8), (200, 0, 0)))), (200, 0, 0), atol=8)
    assert colour_of(webp(Image.new("RGBA", (8, 8), (10, 20, 30, 0)), lossless=True)) == (255, 255, 255)
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("blue", "red")]
    assert colour_of(webp(frames[0], save_all=True, append_images=frames[1:], lossless=True)) == (0, 0, 255)


def test_a_photograph_on_its_side_is_turned_upright() -> None:
    image = Image.new("RGB", (16, 8))
    exif = image.getexif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    assert decode(buffer.getvalue()).size == (8, 16)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"])
def test_bytes_that_are_no_image(content: bytes) -> None:
    with pytest.raises(ImageError):
        decode(content)


@pytest.mark.parametrize("kind", ["PPM", "ICO", "TGA", "JPEG2000"])
def test_other_formats_are_refused(encode: Encode, kind: str) -> None:
    with pytest.raises(ImageError, match="not an image that can be read: convert it to JPEG, PNG, WebP"):
        decode(encode(kind=kind))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_truncated_image(encode: Encode, kind: str) -> None:
    content = encode(kind=kind)
    with pytest.raises(ImageError, match="truncated or corrupt"):
        decode(content[: len(content) * 2 // 3])


@pytest.mark.parametrize(("width", "height"), [(10_000, 5_001), (40_000, 40_000)])
def test_a_decompression_bomb_is_refused_by_its_header(width: int, height: int) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    with pytest.raises(TooManyPixels):
        decode(bomb)


def test_the_square_is_the_middle_of_the_image() -> None:
    image = Image.new("RGB", (60, 20), "red")
    image.paste("blue", (20, 0, 40, 20))
    pixels = square(image, 10)
    assert pixels.shape == (10, 10, 3)
    assert (pixels[:, 1:-1] == (0, 0, 255)).all()  # the outermost columns blend with their neighbours


def test_a_large_jpeg_decoded_at_a_fraction_of_its_size_looks_the_same(encode: Encode) -> None:
    waves = np.indices((1200, 1600)).sum(0) / 40
    content = encode(Image.fromarray((127 * (1 + np.sin(waves))).astype(np.uint8)).convert("RGB"), "JPEG")
    assert decode(content, 224).size == (800, 600)
    difference = read_square(content, 224).astype(int) - square(decode(content), 224)
    assert np.abs(difference).mean() < 1


def test_the_square_is_torchvisions() -> None:
    from torchvision import transforms

    waves = np.indices((375, 500)).sum(0) / 20
    image = Image.fromarray((127 * (1 + np.sin(waves))).astype(np.uint8)).convert("RGB")
    theirs = transforms.Compose([transforms.Resize(224), transforms.CenterCrop(224)])(image)
    assert np.abs(square(image, 224).astype(int) - np.asarray(theirs)).mean() < 2


def test_normalised_as_torchvision_does() -> None:
    from torchvision.transforms import functional

    pixels = np.random.default_rng(0).integers(0, 256, (2, 5, 5, 3), dtype=np.uint8)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    ours = normalise(pixels, mean, std)
    theirs = torch.stack([functional.normalize(functional.to_tensor(image), mean, std) for image in pixels])
    assert ours.dtype == np.float32
    assert ours == pytest.approx(theirs.numpy(), abs=1e-6)
