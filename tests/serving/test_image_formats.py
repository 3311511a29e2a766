"""Image files as people have them: only the pixels decide, whatever the metadata; work and memory have a bound."""

import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from serving.preprocessing import MAX_MEMORY, ImageError, TooCostly, TooManyPixels, decode, inspect, read_square
from tests.serving.hostile import COSTLY, GIF, JPEG, PNG, RED, chunk, encoded

AVIF = pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
KINDS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "MPO", pytest.param("AVIF", marks=AVIF)]
SIDEWAYS = b"Exif\0\0II*\0\x08\0\0\0\1\0" + struct.pack("<HHLHH", 0x112, 3, 1, 6, 0) + bytes(4)


def is_red(content: bytes) -> bool:
    return bool(np.abs(read_square(content, 8).astype(int) - (200, 0, 0)).max() <= 12)


def app(number: int, body: bytes) -> bytes:
    return bytes((0xFF, 0xE0 + number)) + struct.pack(">H", len(body) + 2) + body


def in_jpeg(*segments: bytes) -> bytes:
    return JPEG[:2] + b"".join(segments) + JPEG[2:]


@pytest.mark.parametrize("kind", KINDS)
def test_a_format_is_read(kind: str) -> None:
    assert is_red(encoded(RED, kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_part_of_a_file_is_refused(kind: str, share: float) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    content = encoded(Image.fromarray(pixels), kind)
    with pytest.raises(ImageError):
        decode(content[: int(share * len(content))])


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", pytest.param("AVIF", marks=AVIF)])
def test_the_first_frame_is_read(kind: str) -> None:
    others = [Image.new("RGB", (40, 30), colour) for colour in ("blue", "green")]
    assert is_red(encoded(RED, kind, save_all=True, append_images=others))


def test_other_jpegs_are_read() -> None:
    assert is_red(encoded(RED, "JPEG", progressive=True, quality=95))
    assert is_red(encoded(RED, "JPEG", subsampling=0, quality=95, restart_marker_rows=1))
    assert is_red(encoded(RED.convert("CMYK"), "JPEG", quality=95))


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
@pytest.mark.parametrize("big_endian", [False, True])
def test_compressed_tiffs_are_read(compression: str, big_endian: bool) -> None:
    assert is_red(encoded(RED, "TIFF", compression=compression, big_endian=big_endian))


def test_heic_is_named_with_what_to_do() -> None:
    with pytest.raises(ImageError, match="HEIC: not an image that can be read: convert it to JPEG, PNG"):
        decode(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))


@pytest.mark.parametrize("mode", ["F", "I"])
def test_pixels_of_32_bits_are_refused(mode: str) -> None:
    with pytest.raises(ImageError, match="convert it to JPEG or PNG"):
        decode(encoded(Image.new(mode, (8, 8)), "TIFF"))


def described(kind: int, count: int) -> bytes:
    """A TIFF with a description of a type and length."""
    content = encoded(RED, "TIFF", tiffinfo={270: "x" * 100})
    return content.replace(struct.pack("<HHL", 270, 2, 101), struct.pack("<HHL", 270, kind, count))


UNREADABLE_METADATA: dict[str, Callable[[], bytes]] = {
    "EXIF of a JPEG": lambda: in_jpeg(app(1, b"Exif\0\0garbage")),
    "EXIF without an end": lambda: in_jpeg(app(1, b"Exif\0\0II*\0\xff\xff\xff\xff")),
    "a tag of another type": lambda: in_jpeg(app(1, SIDEWAYS[:14] + struct.pack("<HHHLHH", 1, 0x112, 7, 9, 1, 1))),
    "JFIF that is too short": lambda: JPEG[:2] + app(0, b"JFIF\0") + JPEG[20:],
    "parts of a profile": lambda: in_jpeg(app(2, b"ICC_PROFILE\0\1\3abc"), app(2, b"ICC_PROFILE\0")),
    "MPO's index": lambda: in_jpeg(app(2, b"MPF\0MM\0*garbage")),
    "Photoshop's resources": lambda: in_jpeg(app(13, b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\xff\xff\xff\xff")),
    "EXIF of a PNG": lambda: PNG[:33] + chunk(b"eXIf", b"\0\1\2") + PNG[33:],
    "a text over a megabyte": lambda: PNG[:33] + chunk(b"tEXt", b"Comment\0" + b"x" * 2**21) + PNG[33:],
    "a text that is not compressed": lambda: PNG[:33] + chunk(b"zTXt", b"Comment\0\0garbage") + PNG[33:],
    "a profile that is not compressed": lambda: PNG[:33] + chunk(b"iCCP", b"name\0\0garbage") + PNG[33:],
    "a checksum of metadata": lambda: PNG[:33] + b"\0\0\0\1tEXtabcde" + PNG[33:],
    "physical size of a PNG": lambda: PNG[:33] + chunk(b"pHYs", b"") + PNG[33:],
    "gamma of a PNG": lambda: PNG[:33] + chunk(b"gAMA", b"") + chunk(b"cHRM", b"\1") + chunk(b"sRGB", b"") + PNG[33:],
    "transparency of a PNG": lambda: PNG[:33] + chunk(b"tRNS", b"\1") + PNG[33:],
    "no end of a PNG": lambda: PNG[:-12],
    "animation of a PNG": lambda: PNG[:33] + chunk(b"acTL", b"\0") + PNG[33:],
    "EXIF of a WebP": lambda: encoded(RED, "WEBP", exif=b"Exif\0\0garbage"),
    "profile of a WebP": lambda: encoded(RED, "WEBP", icc_profile=b"garbage"),
    "extension of a GIF": lambda: GIF.replace(b",", b"!\xff\1x\0,", 1),
    "profile of a TIFF": lambda: encoded(RED, "TIFF", icc_profile=b"garbage"),
    "tag of a TIFF": lambda: described(99, 2**31),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNREADABLE_METADATA)
def test_metadata_that_cannot_be_read_refuses_no_picture(kind: str) -> None:
    assert is_red(UNREADABLE_METADATA[kind]())


@AVIF
def test_exif_that_cannot_be_read_refuses_no_avif() -> None:
    exif = Image.Exif()
    exif[270] = "described"
    content = encoded(RED, "AVIF", exif=exif.tobytes())
    assert content.count(b"MM\0*") == 1
    assert is_red(content.replace(b"MM\0*", b"MM\0?"))


XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


@pytest.mark.parametrize(
    "content",
    [
        in_jpeg(app(1, SIDEWAYS)),
        in_jpeg(app(1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)),
        PNG[:33] + chunk(b"eXIf", SIDEWAYS[6:]) + PNG[33:],
        PNG[:33] + chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 32\n" + SIDEWAYS.hex().encode()) + PNG[33:],
        PNG[:33] + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP) + PNG[33:],
        encoded(RED, "WEBP", exif=SIDEWAYS),
        encoded(RED, "TIFF", tiffinfo={0x112: 6}),
        in_jpeg(app(1, SIDEWAYS), app(2, b"ICC_PROFILE\0\1\1garbage")),
        pytest.param(encoded(RED, "AVIF", exif=SIDEWAYS), marks=AVIF),
    ],
    ids=["EXIF", "XMP", "PNG", "text of a PNG", "XMP of a PNG", "WebP", "TIFF", "beside a bad profile", "AVIF"],
)
def test_orientation_applies_where_it_can_be_read(content: bytes) -> None:
    assert decode(content).size == (30, 40)


@pytest.mark.parametrize("turn", range(1, 9))
def test_every_orientation_is_pillows(turn: int) -> None:
    from PIL import ImageOps

    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
    content = encoded(Image.fromarray(pixels), "TIFF", tiffinfo={0x112: turn})
    theirs = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    assert (np.asarray(decode(content).convert("L")) == np.asarray(theirs)).all()


def wide_gamut() -> bytes:
    """A matrix profile like Display P3's: sRGB's, with red and green exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    return bytes(profile.replace(b"rXYZ", b"tmpX").replace(b"gXYZ", b"rXYZ").replace(b"tmpX", b"gXYZ"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", pytest.param("AVIF", marks=AVIF)])
def test_colours_of_a_profile_become_srgb_as_pillows_cms_makes_them(kind: str) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (4, 4, 3), np.uint8)
    image = Image.fromarray(pixels).resize((64, 64), Image.Resampling.NEAREST)
    options: dict[str, Any] = (
        {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind in ("JPEG", "AVIF") else {}
    )
    content = encoded(image, kind, icc_profile=wide_gamut(), **options)
    source = Image.open(io.BytesIO(content))
    profiles = ImageCms.ImageCmsProfile(io.BytesIO(wide_gamut())), ImageCms.createProfile("sRGB")
    theirs = ImageCms.profileToProfile(source.convert("RGB"), *profiles)
    assert theirs is not None
    assert (np.asarray(decode(content)) == np.asarray(theirs)).all()
    assert np.abs(read_square(content, 64).astype(int) - np.asarray(theirs)).max() <= 1
    assert np.abs(np.asarray(theirs).astype(int) - np.asarray(source.convert("RGB"))).max() > 50


def test_a_profile_of_other_channels_does_not_count() -> None:
    assert is_red(encoded(RED, "JPEG", quality=95, icc_profile=wide_gamut()[:16] + b"CMYK" + wide_gamut()[20:]))


@pytest.mark.parametrize("kind", COSTLY)
def test_what_would_take_too_much_is_refused_before_pillow_sees_it(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = COSTLY[kind]()
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(TooCostly):
        read_square(content, 224)


@AVIF
def test_an_avif_may_not_have_more_frames_or_larger_ones_than_it_says() -> None:
    large = encoded(Image.new("RGB", (5000, 5000)), "AVIF", speed=10)
    with pytest.raises(TooCostly, match="an AVIF image of its size takes 300 MB"):
        inspect(large.replace(struct.pack(">LL", 5000, 5000), struct.pack(">LL", 16, 16)), 224)
    small = bytearray(encoded(Image.effect_noise((64, 64), 50), "AVIF"))
    frame = small.index(b"\x32", small.index(b"mdat"))  # headers of frames in place of the frame
    small[frame:] = b"\x1a\0" * ((len(small) - frame) // 2) + bytes((len(small) - frame) % 2)
    with pytest.raises(TooCostly, match="frames"):
        inspect(bytes(small), 224)


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">L", 8 + len(body)) + kind + body


def avif(*, items: int, parts: int, padding: int) -> bytes:
    """An AVIF whose items each have the whole file as every part: with lengths of no bytes, which "iloc" allows."""
    numbers = range(1, items + 1)
    iloc = bytes(6) + struct.pack(">H", items) + b"".join(struct.pack(">HHH", item, 0, parts) for item in numbers)
    infe = b"".join(box(b"infe", b"\2" + bytes(3) + struct.pack(">HH4s", item, 0, b"av01")) for item in numbers)
    iinf = bytes(4) + struct.pack(">H", items) + infe
    meta = box(b"meta", bytes(4) + box(b"iloc", iloc) + box(b"iinf", iinf) + box(b"iprp", b""))
    return box(b"ftyp", b"avif" + bytes(4) + b"avifmif1") + meta + box(b"mdat", bytes(padding))


@AVIF
def test_an_avif_may_not_use_its_bytes_again_and_again() -> None:
    """ISO/IEC 14496-12, 8.11.3: an extent without offset and length is the whole file, and takes no bytes of it."""
    with pytest.raises(TooCostly, match="the same bytes again and again"):
        inspect(avif(items=1, parts=2000, padding=20_000), 224)
    with pytest.raises(TooCostly, match=r"takes 2\d\d MB to decode"):
        inspect(avif(items=256, parts=1, padding=2**20), 224)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("WEBP",)])
def test_a_common_photograph_is_within_the_bounds(kind: str) -> None:
    small = encoded(Image.new("RGB", (400, 300)), "JPEG", progressive=True)
    assert inspect(small, 224).memory < MAX_MEMORY // 100
    twelve_megapixels = encoded(Image.new("RGB", (4032, 3024)), "JPEG", progressive=True)
    assert inspect(twelve_megapixels, 224).memory < MAX_MEMORY


def test_pixels_are_bounded_for_every_format() -> None:
    for content in (GIF[:6] + struct.pack("<HH", 60_000, 60_000) + GIF[10:], JPEG):
        frame = content.find(b"\xff\xc0")
        if content is JPEG:
            content = JPEG[: frame + 5] + struct.pack(">HH", 60_000, 60_000) + JPEG[frame + 9 :]
        with pytest.raises(TooManyPixels):
            decode(content)
