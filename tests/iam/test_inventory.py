"""Resources and their properties are those of the contract, and the contract's lines have a resource each."""

from pathlib import Path

import pytest

from iam.check import check_templates
from iam.contract import PATH, ContractError, declared
from iam.inventory import read
from iam.template import load
from tests.iam.conftest import Templates, synthesize
from tests.iam.kinds import SERVING, found, put


def _said(templates: Templates, contract: str | None = None) -> list[str]:
    return [str(finding) for finding in check_templates(templates, contract)]


def test_a_line_for_a_type_that_no_template_has_is_a_finding(templates: Templates) -> None:
    text = PATH.read_text()
    number = text[: text.index("types:\n")].count("\n") + 2
    text = text.replace("types:\n", "types:\n  AWS::SQS::Queue: {}\n", 1)

    [said] = _said(templates, text)
    assert said.startswith(
        f"iam/contract.yaml:{number}: [types] AWS::SQS::Queue: no template has a resource of this type."
    )


def test_a_line_for_a_resource_that_is_not_there_is_a_finding(templates: Templates) -> None:
    text = PATH.read_text().replace("AWS::Events::Rule ${prefix}-job-sweep:", "AWS::Events::Rule ${prefix}-sweep:")

    said = _said(templates, text)
    assert any("AWS::Events::Rule slipway-dev-sweep: no template has a resource of this name" in one for one in said)
    assert any("slipway-dev-trained-model.Sweep: Targets: it is [" in one for one in said)


def test_every_optional_type_is_in_some_app(with_everything: Templates, tuned: Templates, tmp_path: Path) -> None:
    """Else a line could stay for good."""
    api = {"api": "jwt", "api_jwt_issuer": "https://login.example.com/", "api_jwt_audience": "birds"}
    apps = [with_everything, tuned, load(synthesize(tmp_path, **api))]
    there = {one["Type"] for app in apps for template in app.values() for one in template["Resources"].values()}

    assert check_templates(apps[-1]) == []
    assert set(read(PATH.read_text(), dict.fromkeys(declared(), "x")).types) <= there


@pytest.mark.parametrize(
    ("stack", "kind", "path", "new", "said"),
    [
        (SERVING, "AWS::Lambda::Function", "Role", "arn:aws:iam::123456789012:role/Admin",
         "stacks/serving.py: [resources] slipway-dev-serving.ClassifyHandlerFunction7E4A74FD: Role: it is "
         "'arn:aws:iam::123456789012:role/Admin'. Fix: the contract wants "
         "arn:aws:iam::ACCOUNT:role/slipway-dev-classify-REGION there, in iam/contract.yaml:"),
        (SERVING, "AWS::Lambda::Function", "Layers", ["x"],
         "Layers: it is ['x'], and the contract does not know it. Fix: the contract wants absent there"),
        (SERVING, "AWS::SageMaker::Model", "EnableNetworkIsolation", None, "EnableNetworkIsolation: it is absent."),
        (SERVING, "AWS::Lambda::Function", "Description", {"Fn::Sub": "arn:aws:iam::1:role/x"},
         "Description: it names the role arn:aws:iam::1:role/x, which the contract does not."),
        (SERVING, "AWS::CloudWatch::Alarm", "AlarmActions", {"Fn::If": ["C", [], []]}, "AlarmActions: it is {"),
    ],
)  # fmt: skip
def test_a_finding_names_property_value_and_what_is_wanted(
    templates: Templates, stack: str, kind: str, path: str, new: object, said: str
) -> None:
    put(found(templates, stack, kind), f"Properties.{path}", new)

    assert any(said in one for one in _said(templates))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("types: []", "c.yaml:1: `types` must have names"),
        ("types: {A: {have: 1}}", "c.yaml:1: A: have is not known"),
        ("types: {A: 1}", "c.yaml:1: A cannot be read"),
        ("types: {A: {when: rain}}", "c.yaml:1: when: rain is not known"),
        ("resources: {A b: {has: {X: '${there}'}}}", "c.yaml:1: ${there} is not known"),
    ],
)
def test_a_line_that_cannot_be_used_is_refused(text: str, said: str) -> None:
    with pytest.raises(ContractError) as refused:
        read(f"{text}\nroles: {{}}", {}, "c.yaml")
    assert said in str(refused.value)
