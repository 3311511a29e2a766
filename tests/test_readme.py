"""README and the table of settings say what is so."""

import json
import re
import subprocess
from pathlib import Path

from settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SETTINGS = (ROOT / "docs" / "settings.md").read_text()


def test_the_table_of_settings_has_every_setting_with_its_default() -> None:
    defaults = json.loads((ROOT / "cdk.json").read_text())["settings"]
    for name, field in Settings.model_fields.items():
        value = defaults[name] if isinstance(defaults[name], str) else json.dumps(defaults[name])
        shown = f"{value[:12]}…" if name == "dataset" else value
        assert f"| `{name}` | `{shown}` | {field.description} |" in SETTINGS


def test_the_settings_it_names_exist() -> None:
    table = README[README.index("## Settings") : README.index("## Tuning")]
    named = {name for row in table.splitlines() if row.startswith("| `") for name in re.findall(r"`(\w+)`", row)}
    assert named
    assert named <= set(Settings.model_fields)


def test_the_make_targets_it_names_exist() -> None:
    help_text = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("demo", "test", "synth", "deploy", "destroy", "diff", "bench", "local"):
        assert f"make {target} " in help_text
    for target in ("demo", "test", "deploy", "destroy", "diff", "local"):
        assert f"make {target}" in README
