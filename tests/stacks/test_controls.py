"""docs/controls.md: every control that applies has one row, and every test it names exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APPLICABLE = {
    "S3": (1, 2, 3, 5, 6, 8, 9, 12, 13),
    "KMS": (1, 2, 3, 4, 5),
    "Lambda": (1, 2, 3, 5),
    "APIGateway": (8, 9, 10),
    "SageMaker": (1, 2, 3, 4, 5, 8),
    "SNS": (4,),
    "IAM": (1, 21),
    "CloudFormation": (1,),
    "EC2": (2, 3, 6, 8, 9, 10, 13, 15, 18, 19, 21, 25, 55, 56, 57, 58, 60),
    "SSM": (1,),
}
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def _rows() -> list[list[str]]:
    """The cells of each row that is about a control."""
    lines = (ROOT / "docs" / "controls.md").read_text().splitlines()
    return [line.strip("| ").split(" | ") for line in lines if re.match(r"\| \w+\.\d+ \|", line)]


def test_each_control_that_applies_has_one_row() -> None:
    applicable = [f"{service}.{number}" for service, numbers in APPLICABLE.items() for number in numbers]
    assert sorted(row[0] for row in _rows()) == sorted(applicable)


@pytest.mark.parametrize("row", _rows(), ids=lambda row: row[0])
def test_a_row_names_a_test_or_says_why_there_is_none(row: list[str]) -> None:
    _, _, _, met_by = row
    assert _TEST.search(met_by) or re.match(r"exception: \w+", met_by)


@pytest.mark.parametrize(("file", "test"), sorted({found for row in _rows() for found in _TEST.findall(row[3])}))
def test_a_test_that_is_named_exists(file: str, test: str) -> None:
    assert re.search(rf"^def {test}\(", (ROOT / file).read_text(), re.MULTILINE)
