"""docs/api.md names every code that a caller can get, with its status, and no other."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_its_table_of_errors_is_complete() -> None:
    table = re.findall(r"^\| (\d{3}) \| (`[^|]+) \|", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)
    documented = {(status, code) for status, codes in table for code in re.findall(r"`(\w+)`", codes)}
    sources = "".join(path.read_text() for path in (ROOT / "lambda" / "classify").glob("*.py"))
    ours = set(re.findall(r'ErrorResponse\(\s*(\d{3}), "(\w+)"', sources))
    ours |= {("422", "ImageRefused"), ("502", "Internal")}
    theirs = {("413", f"Too{what}") for what in ("ManyBytes", "ManyPixels", "Costly")}  # the endpoint's, of images
    theirs |= {("422", "NotAnImage")}
    assert documented == ours | theirs


def test_its_table_of_the_endpoint_s_own_errors_is_complete() -> None:
    table = re.findall(r"^\| (`[^|]+`) \| (\d{3}) \|", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)
    documented = {(status, code) for codes, status in table for code in re.findall(r"`(\w+)`", codes)}
    sources = "".join(path.read_text() for path in (ROOT / "serving").glob("*.py"))
    refused = set(re.findall(r'Refusal\(\s*(\d{3}), "(\w+)"', sources))
    assert documented == refused | {("500", "Internal")}


def test_the_endpoint_gives_the_codes_that_are_said_to_be_its() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "serving").rglob("*.py"))
    assert {"TooManyBytes", "TooManyPixels", "TooCostly", "NotAnImage"} <= set(re.findall(r'"(\w+)"', sources))
