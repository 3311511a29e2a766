"""The pictures that a run leaves, looked at by their pixels."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training import pictures
from training.images import Images
from training.outcome import Epoch, History, Predictions, Score

CLASSES = ["cat", "dog", "a bird with a name much longer than the picture of it is wide"]


def predictions(labels: list[int], predicted: list[int], classes: int = 3) -> Predictions:
    losses = np.linspace(1, 2, len(labels))
    return Predictions(classes, np.array(labels), np.array(predicted), np.full(len(labels), 0.5), losses)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_predictions_add_up_to_a_score_and_a_confusion_matrix() -> None:
    found = predictions([0, 0, 1, 2], [0, 1, 1, 0])
    assert found.confusion.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert (found.score.accuracy, found.score.loss) == (0.5, 1.5)
    assert found.score.correct.tolist() == [1, 1, 0]
    assert found.worst(5).tolist() == [3, 1]
    assert found.worst(1).tolist() == [3]


@pytest.mark.parametrize("losses", [[2.0, 1.0, 0.5], [1.0], [float("nan"), 1.0], [float("inf")]])
def test_curves_are_drawn_whatever_the_losses(tmp_path: Path, losses: list[float]) -> None:
    score = Score(0.7, np.array([1, 1]), np.array([2, 2]))
    epochs = [Epoch(number, loss, score, 1.0) for number, loss in enumerate(losses, 1)]
    pictures.curves(History(epochs, epochs[0]), tmp_path / "curves.png")
    blue = (pixels(tmp_path / "curves.png") == (0x00, 0x72, 0xB2)).all(2)
    assert blue.any()


def test_the_diagonal_of_a_faultless_model_is_black(tmp_path: Path) -> None:
    pictures.confusion(predictions([0, 1, 2], [0, 1, 2]), CLASSES, tmp_path / "confusion.png")
    seen = pixels(tmp_path / "confusion.png")
    side = pictures.MIN_SIDE // 3
    cells = seen[-4 - 3 * side : -4, -4 - 3 * side : -4, 0].reshape(3, side, 3, side).mean((1, 3))
    assert (cells.diagonal() < 60).all() and (cells[~np.eye(3, dtype=bool)] == 255).all()


def test_many_classes_make_a_matrix_without_names(tmp_path: Path) -> None:
    labels = list(range(133))
    names = [f"breed {label}" for label in labels]
    pictures.confusion(predictions(labels, labels, 133), names, tmp_path / "confusion.png")
    assert pixels(tmp_path / "confusion.png").shape[0] < 1100


def test_the_worst_mistake_is_the_first_of_the_grid(tmp_path: Path) -> None:
    cache = np.zeros((3, 8, 8, 3), np.uint8)
    cache[2] = (200, 0, 0)
    images = Images([Path(f"{number}.png") for number in range(3)], [0, 1, 2], 8, cache)
    pictures.mistakes(predictions([0, 1, 2], [1, 0, 0]), images, CLASSES, tmp_path / "mistakes.png")
    seen = pixels(tmp_path / "mistakes.png")
    for place, colour in enumerate([(200, 0, 0), (0, 0, 0), (0, 0, 0)]):
        left, upper, right, lower = pictures.tile(place)
        assert (seen[upper:lower, left:right] == colour).all()


def test_a_grid_of_no_mistakes_says_so(tmp_path: Path) -> None:
    images = Images([Path("0.png")], [0], 8, np.zeros((1, 8, 8, 3), np.uint8))
    pictures.mistakes(predictions([0], [0]), images, CLASSES, tmp_path / "mistakes.png")
    assert (pixels(tmp_path / "mistakes.png") < 128).any()


def test_a_matrix_of_two_classes_is_large_enough_to_read(tmp_path: Path) -> None:
    pictures.confusion(predictions([0, 1], [0, 1], 2), ["a", "b"], tmp_path / "confusion.png")
    assert min(pixels(tmp_path / "confusion.png").shape[:2]) >= pictures.MIN_SIDE


def test_without_a_font_for_them_names_lose_accents_or_are_numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow's own font has ASCII letters alone, and draws a box for any other."""
    monkeypatch.setattr(pictures, "_MACHINE_FONTS", ())
    names = ["cafe\u0301", "jalape\u00f1o", "猫", "犬", "who?", "re\u0301sume\u0301", "resume"]
    font = pictures.font_for(names)
    shown = ["cafe", "jalapeno", "class 3", "class 4", "who?", "class 6", "class 7"]
    assert pictures.names_in(names, font) == shown


def test_a_font_of_the_machine_that_has_all_letters_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def truetype(name: str, _: int) -> str:
        if name == "missing":
            raise OSError("cannot open resource")
        return name

    monkeypatch.setattr(pictures, "_MACHINE_FONTS", ("missing", "latin", "japanese"))
    monkeypatch.setattr(pictures.ImageFont, "truetype", truetype)
    monkeypatch.setattr(pictures, "_draws", lambda font, letter: letter.isascii() or font == "japanese")
    assert pictures.font_for(["cat", "猫"]) == "japanese"
    assert pictures.font_for(["cat"]) is pictures._FONT
