"""docs/settings.md, written from the settings themselves: `make settings-docs`."""

import json

from settings.account import AccountSettings
from settings.ec2 import Ec2
from settings.endpoint import Endpoint
from settings.function import Function
from settings.http_front import HttpFrontSettings
from settings.network import NetworkSettings
from settings.operations import OperationsSettings
from settings.part import Named
from settings.read import Settings
from settings.sources import ROOT, Sources
from settings.text import allowed, described
from settings.training import Training
from settings.tuning import Tuning
from training.settings import Recipe

DOCUMENT = ROOT / "docs" / "settings.md"
_PARTS: dict[str, type] = {
    "Names": Named,
    "Hyper-parameters": Recipe,
    "Training": Training,
    "Training on EC2": Ec2,
    "Tuning": Tuning,
    "Endpoint": Endpoint,
    "Function": Function,
    "HTTP API": HttpFrontSettings,
    "Operations and notebook": OperationsSettings,
    "Network": NetworkSettings,
    "A company's account": AccountSettings,
}
_INTRODUCTION = """# Settings

<!-- Written by `make settings-docs` from settings/, training/settings.py and cdk.json. -->

A setting's value comes from the first of these that names it:

1. **The command line**: `make diff SETTINGS="epochs=3 url_hosts=*"`, or `-c epochs=3` for `cdk deploy` and every
   tool. Values with spaces are quoted as in a shell: `SETTINGS="endpoint_schedule='cron(0 8 ? * MON-FRI *)=2..6'"`.
   `epochs=` stands for the default; a setting that may be empty is then empty. A setting in `~/.cdk.json` counts as
   given here.
2. **The stage's file**, `stages/<stage>.json`, such as `{"stage": "prod", "dataset": "…", "epochs": 3}`. `stage=prod`
   on the command line selects it. `make deploy DATA=… SETTINGS=…` writes what it is given into this file, and `epochs=`
   takes `epochs` out of it: commit it, and a plain `make deploy` or `cdk deploy --all` deploys the same, on any
   machine. A deploy that fails leaves the file as it was. `make demo` reads and writes no stage's file.
3. **The default**: `settings` in [`cdk.json`](../cdk.json); of a hyper-parameter, its declaration in
   [`training/settings.py`](../training/settings.py), so that `make train` has the same.

All mistakes are reported at once, before anything is built. `dataset` is the digest of your images: the default is that
of scikit-learn's digits, which `make demo` trains on. Each part below has a file in [`settings/`](../settings).
"""


def document() -> str:
    """The text of docs/settings.md."""
    return "\n".join([_INTRODUCTION, *(_table(heading, part) for heading, part in _PARTS.items())])


def _table(heading: str, part: type) -> str:
    defaults = Sources().defaults()
    rows = []
    for name in part.__annotations__:
        if field := Settings.model_fields.get(name):
            value = defaults[name] if isinstance(defaults[name], str) else json.dumps(defaults[name])
            shown = f"`{value[:12]}…`" if name == "dataset" else f"`{value}`" if value else ""
            rows.append(f"| `{name}` | {shown} | {_cell(allowed(field))} | {_cell(described(field))} |")
    return "\n".join([f"## {heading}\n", "| setting | default | takes | what it is |", "|---|---|---|---|", *rows, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    DOCUMENT.write_text(document())
