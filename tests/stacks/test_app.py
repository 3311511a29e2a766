"""Properties of all stacks together."""

import json
import os
import subprocess
import sys
from pathlib import Path

from aws_cdk.assertions import Template

from tests.defaults import DEFAULTS
from tests.stacks.conftest import Synthesize
from tests.stacks.resources import as_list, text

ROOT = Path(__file__).parents[2]


def test_the_system_is_five_stacks(templates: dict[str, Template]) -> None:
    assert list(templates) == ["storage", "roles", "trained-model", "serving", "operations"]


def test_synthesizing_again_gives_the_same_templates(templates: dict[str, Template], synthesize: Synthesize) -> None:
    again = synthesize()
    assert {name: template.to_json() for name, template in again.items()} == {
        name: template.to_json() for name, template in templates.items()
    }


def test_nothing_in_a_template_names_an_account_or_a_region(templates: dict[str, Template]) -> None:
    for template in templates.values():
        written = json.dumps(template.to_json())
        assert "us-east-1" not in written.replace(json.dumps(template.to_json().get("Mappings")), "")
        assert "000000000000" not in written


def test_no_construct_brings_a_role_or_a_policy_of_its_own(templates: dict[str, Template]) -> None:
    for name, template in templates.items():
        for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::User", "AWS::IAM::RolePolicy"):
            template.resource_count_is(kind, 0)
        template.resource_count_is("AWS::IAM::Role", 5 if name == "roles" else 0)


def test_all_functions_are_ours(templates: dict[str, Template]) -> None:
    names = [
        function["Properties"]["FunctionName"]
        for template in templates.values()
        for function in template.find_resources("AWS::Lambda::Function").values()
    ]
    assert names == ["slipway-dev-trained-model", "slipway-dev-classify"]


def test_every_function_logs_to_a_group_with_an_end(templates: dict[str, Template]) -> None:
    for stack, name in (("trained-model", "trained-model"), ("serving", "classify")):
        templates[stack].has_resource_properties(
            "AWS::Logs::LogGroup", {"LogGroupName": f"/aws/lambda/slipway-dev-{name}", "RetentionInDays": 30}
        )


def test_the_stacks_start_in_order(templates: dict[str, Template]) -> None:
    """The endpoint's model is plain text in the template, so only the order makes it be there in time."""
    model = next(iter(templates["serving"].find_resources("AWS::SageMaker::Model").values()))
    url = text(model["Properties"]["PrimaryContainer"]["ModelDataUrl"])
    outputs = templates["trained-model"].to_json()["Outputs"]
    assert url == text(outputs["ModelDataUrl"]["Value"])
    assert not [key for key in outputs if key.startswith("ExportsOutput")]
    assert as_list(outputs["ModelDigest"]["Value"])[0] in url


def test_unusable_settings_end_in_a_list_and_not_in_a_stack_trace(tmp_path: Path) -> None:
    context = json.dumps({**DEFAULTS, "epochs": "0", "sead": "1"})
    environment = {**os.environ, "CDK_CONTEXT_JSON": context, "CDK_OUTDIR": str(tmp_path / "cdk.out")}
    app = subprocess.run([sys.executable, "app.py"], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert app.returncode == 1
    assert app.stderr.splitlines() == [
        "These settings cannot be used:",
        "  - epochs = '0': must be a whole number from 1 to 1000 (set it in stages/dev.json or with -c epochs=…)",
        "  - sead is not a setting: did you mean seed?",
    ]
    assert not list((tmp_path / "cdk.out").glob("*.template.json"))
