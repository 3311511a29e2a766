"""A folder of many images, broken ones among them, and `make score` on it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tools.score import __main__ as command

BROKEN = {"cut.png": "NotAnImage", "a b/ü 'q'.txt": "NotAnImage"}


def write_images(folder: Path, images: list[Path], count: int) -> None:
    """Write `count` files, those of BROKEN included: copies of the images, which 0/0.png begins."""
    names = [f"{number % 7}/{number}.png" for number in range(count - len(BROKEN))]
    for number, name in enumerate([*names, *BROKEN]):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        content = images[number % len(images)].read_bytes()
        target.write_bytes(content[:60] if name in BROKEN else content)


def score(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run `make score` on the system; returns its summary, and the results by image."""
    assert command.main([*arguments, "--json", "--settings", "app=e2e"]) == 0
    summary = json.loads(capsys.readouterr().out)
    lines = [json.loads(line) for line in Path(summary["results"]).read_text().splitlines()]
    assert summary["images"] == len(lines)
    return summary, {line["image"]: line for line in lines}
