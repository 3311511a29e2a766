"""The confusion matrix: its cells, its names in any script, and what is shown of many classes."""

from tools.report.confusion import MAX_CLASSES, confused_pairs, confusion_matrix, shortened


def test_cells_have_counts_and_shares_of_their_row() -> None:
    matrix = confusion_matrix({"cat": {"cat": 3, "dog": 1}, "dog": {"dog": 2}})
    assert [(c.row, c.column, c.count, c.share, c.right) for c in matrix.cells] == [
        ("cat", "cat", 3, 0.75, True),
        ("cat", "dog", 1, 0.25, False),
        ("dog", "dog", 2, 1.0, True),
    ]
    assert [(cell.x - matrix.cells[0].x, cell.y - matrix.cells[0].y) for cell in matrix.cells] == [
        (0, 0), (matrix.cell, 0), (matrix.cell, matrix.cell),
    ]  # fmt: skip


def test_numbers_have_enough_contrast_in_every_cell() -> None:
    """A cell is faint under dark ink, or strong under light ink; nothing lies between."""
    shares = [
        confusion_matrix({"a": {"a": right, "b": 100 - right}, "b": {"b": 1}}).cells[0] for right in range(1, 100)
    ]
    assert all(cell.opacity >= 0.9 if cell.strong else cell.opacity < 0.31 for cell in shares)
    assert [cell.opacity for cell in shares] == sorted(cell.opacity for cell in shares)


def test_of_many_classes_those_with_the_most_mistakes_are_shown() -> None:
    counts = {str(number): {str(number): 5} for number in range(MAX_CLASSES + 10)}
    counts["45"]["3"] = 2
    matrix = confusion_matrix(counts)
    assert (len(matrix.names), matrix.left_out) == (MAX_CLASSES, 10)
    assert {"45", "3"} <= {name for _, _, name in matrix.names}
    assert [name for _, _, name in matrix.names] == [name for name in counts if name in {n for _, _, n in matrix.names}]


def test_pairs_begin_with_the_most_frequent() -> None:
    counts = {"a": {"b": 2, "a": 8}, "b": {"a": 2, "b": 2}, "c": {"a": 5}}
    assert confused_pairs(counts) == [("c", "a", 5, 5), ("b", "a", 2, 4), ("a", "b", 2, 10)]


def test_a_long_name_is_cut_by_the_room_that_its_letters_take() -> None:
    assert shortened("a" * 22) == "a" * 22
    assert shortened("a" * 23) == "a" * 21 + "…"
    assert shortened("犬" * 12) == "犬" * 10 + "…"
    assert shortened("e\u0301" * 22) == "e\u0301" * 22
