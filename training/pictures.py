"""Pictures of a training's result, as PNG files: curves, confusion matrix and the worst mistakes.

Pillow draws them, because it is needed for the images anyway; AWS's training images need not have matplotlib.
Pillow's own font has ASCII letters alone: for other names, a font of the machine is taken if it has one.
"""

import math
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.images import Images
from training.outcome import History, Predictions

WIDTH, HEIGHT, MARGIN = 640, 300, 48
MAX_NAMES = 40  # classes whose names fit beside the confusion matrix
MIN_CELL, MIN_SIDE = 28, 336  # of a confusion matrix with names, px
AXES = "rows: true class, columns: predicted class"
MAX_MISTAKES, COLUMNS, TILE = 24, 6, 160
_ROW = TILE + 48  # below each image, three lines of text
COLOURS = {"train": "#0072b2", "validation": "#d55e00"}  # different for the colour-blind, too
_SIZE = 12
_FONT = ImageFont.load_default(_SIZE)
_MACHINE_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc", "Arial Unicode.ttf", "arial.ttf")
_NO_LETTER = "\uffff"  # Unicode has none there, so a font draws its sign for a missing one
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def draw(folder: Path, history: History, test: Predictions, images: Images, classes: Sequence[str]) -> None:
    """Writes curves.png, confusion.png and mistakes.png into the folder; `test` are predictions for `images`."""
    curves(history, folder / "curves.png")
    confusion(test, classes, folder / "confusion.png")
    mistakes(test, images, classes, folder / "mistakes.png")


def curves(history: History, path: Path) -> None:
    """Losses in training and validation, and below them validation accuracy, by epoch; a line marks the best."""
    epochs = history.epochs
    losses = {
        "train": [epoch.train_loss for epoch in epochs],
        "validation": [epoch.validation.loss for epoch in epochs],
    }
    picture = Image.new("RGB", (WIDTH, 2 * HEIGHT), "white")
    draw = ImageDraw.Draw(picture)
    top = max((value for values in losses.values() for value in values if math.isfinite(value)), default=1.0)
    _chart(draw, 0, "loss, nats", losses, top, history.best.number)
    accuracy = {"validation": [epoch.validation.accuracy for epoch in epochs]}
    _chart(draw, HEIGHT, "accuracy", accuracy, 1.0, history.best.number)
    picture.save(path)


def confusion(predictions: Predictions, classes: Sequence[str], path: Path) -> None:
    """True classes as rows, predicted classes as columns; darker is a larger share of the row's images."""
    counts = predictions.confusion
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    named = len(classes) <= MAX_NAMES
    font = font_for(classes) if named else _FONT
    names = names_in(classes, font)
    cell = max(MIN_CELL, MIN_SIDE // len(classes)) if named else max(2, 1000 // len(classes))
    left = int(max(font.getlength(name) for name in names)) + 12 if named else 8
    top = left + 16  # below the title
    side = cell * len(classes)
    cells = Image.fromarray((255 * (1 - shares)).astype(np.uint8)).resize((side, side), Image.Resampling.NEAREST)
    width = max(left + side, int(_FONT.getlength(AXES)) + 8)
    picture = Image.new("RGB", (width + 4, top + side + 4), "white")
    picture.paste(cells.convert("RGB"), (left, top))
    draw = ImageDraw.Draw(picture)
    draw.text((4, 2), AXES, "black", _FONT)
    draw.rectangle((left - 1, top - 1, left + side, top + side), outline="grey")
    if named:
        for row, name in enumerate(names):
            draw.text((left - 6, top + cell * (row + 0.5)), name, "black", font, anchor="rm")
        picture.paste(_columns(names, left, cell, font), (left, top - left))
        for row, column in zip(*np.nonzero(counts), strict=True):
            ink = "white" if shares[row, column] > 0.5 else "black"
            centre = (left + cell * (column + 0.5), top + cell * (row + 0.5))
            draw.text(centre, str(counts[row, column]), ink, _FONT, anchor="mm")
    picture.save(path)


def mistakes(predictions: Predictions, images: Images, classes: Sequence[str], path: Path) -> None:
    """Misclassified images with the highest loss, each with its file, its class and the predicted class."""
    worst = predictions.worst(MAX_MISTAKES)
    rows = max(1, -(-len(worst) // COLUMNS))
    font = font_for([*classes, *(images.files[index].name for index in worst)])
    names = names_in(classes, font)
    picture = Image.new("RGB", (COLUMNS * (TILE + 8), rows * _ROW), "white")
    draw = ImageDraw.Draw(picture)
    if not len(worst):
        draw.text((8, 8), "no mistakes on the test images", "black", _FONT)
    for place, index in enumerate(worst):
        x, y, *_ = tile(place)
        square = Image.fromarray(images.take(np.array([index]))[0])
        picture.paste(square.resize((TILE, TILE)), (x, y))
        lines = (
            _spelt(images.files[index].name, font),
            f"is {names[images.labels[index]]}",
            f"taken for {names[predictions.predicted[index]]}, {predictions.confidence[index]:.0%}",
        )
        for number, line in enumerate(lines):
            draw.text((x, y + TILE + 1 + 14 * number), _shortened(line, font), "black", font)
    picture.save(path)


def tile(place: int) -> tuple[int, int, int, int]:
    """Left, upper, right and lower edge of an image in mistakes.png, by its place from 0."""
    x, y = (place % COLUMNS) * (TILE + 8) + 4, (place // COLUMNS) * _ROW
    return x, y, x + TILE, y + TILE


def font_for(texts: Iterable[str]) -> Font:
    """First font that has all letters of the texts: Pillow's own, or one of the machine's; else Pillow's own."""
    letters = set(unicodedata.normalize("NFC", "".join(texts)))
    for name in ("", *_MACHINE_FONTS):
        try:
            font = ImageFont.truetype(name, _SIZE) if name else _FONT
        except OSError:  # the machine has no such font
            continue
        if all(_draws(font, letter) for letter in letters):
            return font
    return _FONT


def names_in(classes: Sequence[str], font: Font) -> list[str]:
    """The classes as the font can write them, all different: é as e, and `class N` for one without its letters."""
    spelt = [_spelt(name, font) for name in classes]
    return [
        text if text.count("?") == name.count("?") and spelt.count(text) == 1 else f"class {number}"
        for number, (name, text) in enumerate(zip(classes, spelt, strict=True), 1)
    ]


def _spelt(text: str, font: Font) -> str:
    """The text with letters that the font lacks without their accents, or else as a question mark."""
    composed = unicodedata.normalize("NFC", text)
    return "".join(c if _draws(font, c) else _plain(c, font) for c in composed)


def _plain(letter: str, font: Font) -> str:
    base = unicodedata.normalize("NFKD", letter)[0]
    return base if _draws(font, base) else "?"


def _draws(font: Font, letter: str) -> bool:
    mask, missing = font.getmask(letter), font.getmask(_NO_LETTER)
    return letter.isspace() or (mask.size, bytes(mask)) != (missing.size, bytes(missing))


def _chart(draw: ImageDraw.ImageDraw, y: int, title: str, lines: dict[str, list[float]], top: float, best: int) -> None:
    """A diagram from 0 to `top` over epochs 1 to n, its upper edge at `y`."""
    left, right, upper, lower = MARGIN, WIDTH - 12, y + 28, y + HEIGHT - 28
    count = len(next(iter(lines.values())))

    def at(epoch: int, value: float) -> tuple[float, float]:
        share = (epoch - 1) / max(1, count - 1)
        return left + share * (right - left), lower - (min(value / top, 1) if math.isfinite(value) else 1) * (
            lower - upper
        )

    draw.rectangle((left, upper, right, lower), outline="grey")
    draw.line((*at(best, 0), *at(best, top)), fill="lightgrey")
    for value in (0, top / 2, top):
        draw.text((left - 4, at(1, value)[1]), f"{value:.3g}", "black", _FONT, anchor="rm")
    for epoch in sorted({1, best, count}):
        draw.text((at(epoch, 0)[0], lower + 4), str(epoch), "black", _FONT, anchor="mt")
    draw.text((left, y + 8), title, "black", _FONT)
    x = left + 120
    for name, values in lines.items():
        draw.text((x, y + 8), name, COLOURS[name], _FONT)
        x += 100
        points = [at(epoch, value) for epoch, value in enumerate(values, 1)]
        draw.line(points, fill=COLOURS[name], width=2)
        for px, py in points if count <= MAX_NAMES else ():
            draw.ellipse((px - 2, py - 2, px + 2, py + 2), fill=COLOURS[name])


def _columns(names: Sequence[str], length: int, cell: int, font: Font) -> Image.Image:
    """Class names side by side, each read upwards."""
    lying = Image.new("RGB", (length, cell * len(names)), "white")
    draw = ImageDraw.Draw(lying)
    for row, name in enumerate(names):
        draw.text((6, cell * (row + 0.5)), name, "black", font, anchor="lm")
    return lying.rotate(90, expand=True)


def _shortened(line: str, font: Font) -> str:
    """The line, cut to a tile's width."""
    while font.getlength(line) > TILE:
        line = line[:-2] + "…"
    return line
