"""The confusion matrix as numbers: cells, names and axes of an SVG, and the pairs of classes that are confused most."""

from collections.abc import Mapping
from dataclasses import dataclass

from rich.cells import cell_len

MAX_CLASSES = 40  # in the matrix: of more classes, those with the most mistakes
MAX_PAIRS = 20
_MAX_LETTERS = 22  # of a name beside the matrix, in columns of a terminal: an ideograph takes two
_LETTER, _CELL, _AXIS = 7.2, 30, 26
Counts = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class ConfusionCell:
    """Images of the class `row` that were taken for the class `column`: how many, and their share of the row."""

    x: float
    y: float
    count: int
    share: float
    row: str
    column: str

    @property
    def right(self) -> bool:
        """True on the diagonal."""
        return self.row == self.column

    @property
    def strong(self) -> bool:
        """True for more than half of the row; the number is then written in the colour of the paper."""
        return self.share > 0.5

    @property
    def opacity(self) -> float:
        """Opacity of the cell, 0 to 1; between faint and strong nothing, where no ink would have enough contrast."""
        return 0.9 + 0.2 * (self.share - 0.5) if self.strong else 0.1 + 0.4 * self.share


@dataclass(frozen=True)
class ConfusionMatrix:
    """A matrix in units of its SVG. Its `names` are (place, short name, whole name), the same for rows and columns."""

    cells: tuple[ConfusionCell, ...]
    names: tuple[tuple[float, str, str], ...]
    margin: int
    side: int
    cell: int = _CELL
    axis: int = _AXIS
    left_out: int = 0

    @property
    def size(self) -> int:
        """Width and height of the SVG."""
        return self.axis + self.margin + self.side + 2


def confusion_matrix(counts: Counts) -> ConfusionMatrix:
    """Lay out the matrix of `counts`, by true class and predicted class."""
    shown = list(counts)
    if len(counts) > MAX_CLASSES:
        wrong = {name: sum(row.values()) - row.get(name, 0) for name, row in counts.items()}
        for pair in ((name, other) for name, row in counts.items() for other in row if other != name):
            wrong[pair[1]] += counts[pair[0]][pair[1]]
        kept = set(sorted(counts, key=lambda name: -wrong[name])[:MAX_CLASSES])
        shown = [name for name in counts if name in kept]
    short = {name: shortened(name) for name in shown}
    margin = round(max(map(cell_len, short.values())) * _LETTER) + 12
    start = _AXIS + margin
    place = {name: start + _CELL * number for number, name in enumerate(shown)}
    cells = tuple(
        ConfusionCell(place[column], place[row], count, count / sum(counts[row].values()), row, column)
        for row in shown
        for column, count in counts[row].items()
        if column in place
    )
    names = tuple((place[name] + _CELL / 2, short[name], name) for name in shown)
    return ConfusionMatrix(cells, names, margin, _CELL * len(shown), left_out=len(counts) - len(shown))


def confused_pairs(counts: Counts) -> list[tuple[str, str, int, int]]:
    """True class, predicted class, number of images and images of the true class: the most images first."""
    pairs = [
        (row, column, count, sum(columns.values()))
        for row, columns in counts.items()
        for column, count in columns.items()
        if row != column
    ]
    return sorted(pairs, key=lambda pair: (-pair[2], -pair[2] / pair[3]))[:MAX_PAIRS]


def shortened(name: str) -> str:
    """The name, cut to the room beside the matrix."""
    if cell_len(name) <= _MAX_LETTERS:
        return name
    while cell_len(name) >= _MAX_LETTERS:
        name = name[:-1]
    return f"{name}…"
