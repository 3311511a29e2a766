"""Whatever a folder or its templates hold, the gate answers with findings or one error, never with a traceback."""

import copy
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iam.check import check_templates
from iam.contract import ContractError, read
from iam.template import UnreadableFolder, load
from tests.iam.conftest import ROLES, Templates
from tools.permissions import main

_DEEP: dict[str, Any] = {}
for _ in range(3000):
    _DEEP = {"a": _DEEP}
ODD: list[Any] = [
    None, True, 0, -1, 1.5, float("nan"), 10**400, "", "*", "é\u200b\ud800", "{{resolve:ssm:x}}", "x" * 100_000, [], {},
    [[]], [{}], {"": {}}, {1: 2}, {None: 1}, {(1, 2): 3}, b"x", set(), _DEEP, {"Ref": 1}, {"Ref": "Nothing"},
    {"Ref": "AWS::NoValue"}, {"Fn::If": ["C", 1, 2]}, {"Fn::If": []}, {"Fn::GetAtt": "x"}, {"Fn::GetAtt": [1, 2]},
    {"Fn::GetAtt": ["a"]}, {"Fn::Join": ["x"]}, {"Fn::Join": [1, [2, {"Ref": "x"}]]}, {"Fn::Sub": ["${x}", 5]},
    {"Fn::Sub": {}}, {"Fn::ImportValue": []}, {"Fn::FindInMap": ["a"]}, {"Fn::Transform": {}}, {"Fn::ForEach::X": []},
    {"Fn::FindInMap": ["Registries", {"Ref": "AWS::Region"}, "Account"]}, {"a": 1, "Fn::If": []},
]  # fmt: skip


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield (*path, name)
        yield from _places(one, (*path, name))


def _break(templates: Templates, place: tuple[Any, ...], chosen: random.Random) -> None:
    """Replace, remove, wrap or rename what is at a place."""
    *folders, last = place
    value: Any = templates
    for name in folders:
        value = value[name]
    match chosen.randrange(5):
        case 0 | 1:
            value[last] = chosen.choice(ODD)
        case 2:
            del value[last]
        case 3:
            value[last] = chosen.choice([[value[last]], {"Fn::Sub": value[last]}, {"Fn::If": ["C", value[last], 1]}])
        case _ if isinstance(value, dict):
            value[chosen.choice([7, "Other", None])] = value.pop(last)


@pytest.mark.parametrize("seed", range(60))
def test_broken_templates_give_findings(with_everything: Templates, seed: int) -> None:
    chosen = random.Random(seed)
    places = list(_places(with_everything))
    for place in chosen.sample(places, 3):
        broken = copy.deepcopy(with_everything)
        _break(broken, place, chosen)
        assert isinstance([str(finding) for finding in check_templates(broken)], list)


def test_what_looks_like_a_conditional_resource_is_read(templates: Templates) -> None:
    templates[ROLES]["Conditions"] = {"C": {}}
    next(iter(templates[ROLES]["Resources"].values()))["Properties"]["Tags"] = [{"Condition": "C", "Type": []}]

    assert isinstance(check_templates(templates), list)


@pytest.mark.parametrize(
    "odd", [*ODD, {"slipway-dev-storage": None}, {1: {}}, {"a-b-storage": {"Resources": {"K": {}}}}]
)
def test_what_are_no_templates_are_findings(odd: Any) -> None:
    assert check_templates(odd)
    assert check_templates({"slipway-dev-storage": odd})


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "out", ignore=shutil.ignore_patterns("asset.*")))


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("manifest.json", "[]", "is not a synthesized app"),
        ("manifest.json", '{"artifacts": {"a": 1}}', "is not a synthesized app"),
        (f"{ROLES}.template.json", "{", "is not a synthesized app"),
        (f"{ROLES}.template.json", '{"Resources": {}, "Resources": {}}', "has Resources twice in one object"),
        (f"{ROLES}.template.json", "[" * 100_000, "is not a synthesized app"),
        (f"{ROLES}.template.json", "\udcff", "is not a synthesized app"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_with_its_name(
    copied: Path, file: str, content: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (copied / file).write_text(content, errors="surrogateescape")

    assert main(["check", str(copied)]) == 1
    assert said in capsys.readouterr().err


def test_a_template_that_is_no_object_is_a_finding(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copied / f"{ROLES}.template.json").write_text("[]")

    assert main(["check", str(copied)]) == 1
    assert "stacks/permissions: [template] slipway-dev-roles: the template is [], no object" in capsys.readouterr().out


def test_the_stacks_of_a_stage_are_read_too(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A stage is an assembly in the assembly: "Cloud assembly schema", CDK developer guide."""
    stage = copied / "assembly-Hidden"
    stage.mkdir()
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}},
    }
    (stage / "t.json").write_text(json.dumps({"Resources": {"Role": role}}))
    stack = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "t.json"}}
    (stage / "manifest.json").write_text(json.dumps({"artifacts": {"hidden": stack}}))
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["artifacts"]["Hidden"] = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-Hidden"}}
    (copied / "manifest.json").write_text(json.dumps(manifest))

    assert "Hidden/hidden" in load(copied)
    assert main(["check", str(copied)]) == 1
    assert "Hidden/hidden.Role is not in the contract" in capsys.readouterr().out


def test_an_acknowledgement_of_the_gates_own_rule_is_a_finding(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metadata = {"/slipway-dev-roles": [{"type": "aws:cdk:acknowledged-rules", "data": {"IAM-gate::too-much": "why"}}]}
    (copied / f"{ROLES}.metadata.json").write_text(json.dumps(metadata))

    assert main(["check", str(copied)]) == 1
    assert "IAM-gate::too-much is acknowledged" in capsys.readouterr().out


def test_an_unknown_artifact_is_no_reason_to_read_less(copied: Path) -> None:
    (copied / "manifest.json").write_text(json.dumps({"artifacts": {"a": {"type": "aws:cloudformation:stack"}}}))
    with pytest.raises(UnreadableFolder):
        load(copied)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "roles: 1", "roles: {a: 1}", "roles: {a: {purpose: 1, trust: 1, may: 2}}", "names: 1\nroles: {}",
     "roles: {a: {purpose: x, trust: [{}], may: [{action: [], resource: {}, why: 1, evidence: 2, if: 3}]}}",
     "? [a]\n: b", "&a [*a]", "\x00", "a: *b", "roles: {}\npolicies: []"],
)  # fmt: skip
def test_a_contract_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ContractError, match=r"c\.yaml:\d+: "):
        read(text, {}, "c.yaml")
