"""The README says what is so."""

import json
import subprocess
from pathlib import Path

from settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_its_table_has_every_setting_with_its_default() -> None:
    defaults = json.loads((ROOT / "cdk.json").read_text())["context"]
    for name, field in Settings.model_fields.items():
        value = defaults[name] if isinstance(defaults[name], str) else json.dumps(defaults[name])
        shown = f"{value[:12]}…" if name == "dataset" else value
        assert f"| `{name}` | `{shown}` | {field.description} |" in README


def test_the_make_targets_it_names_exist() -> None:
    help_text = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("demo", "test", "synth", "deploy", "destroy", "diff", "bench", "local"):
        assert f"make {target} " in help_text
    for target in ("demo", "test", "deploy", "destroy", "diff", "local"):
        assert f"make {target}" in README
