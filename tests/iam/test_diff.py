"""A change's new permissions are said in sentences; a renaming is no change."""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from iam.diff import Difference, as_markdown, as_text, compare
from iam.template import read
from tests.iam import audited
from tests.iam.conftest import ROLES, Templates, role, statement
from tests.iam.kinds import EC2, OPERATIONS, SERVING, add, found, put
from tests.iam.test_network_kinds import NETWORK
from tools import permissions
from tools.permissions import main


def _compare(before: Templates, after: Templates) -> Difference:
    return compare(read(before), read(after))


def test_nothing_changed(synthesized: Templates) -> None:
    difference = _compare(synthesized, synthesized)

    assert difference == Difference((), ())
    assert as_text(difference) == "No role may do more or less than before."


def test_an_action_more_is_newly_possible(synthesized: Templates, templates: Templates) -> None:
    statement(templates, "classify", "Invoke")["Action"] = ["sagemaker:InvokeEndpoint", "sagemaker:DeleteEndpoint"]

    difference = _compare(synthesized, templates)

    [sentence] = difference.widened
    assert sentence.startswith("`slipway-dev-classify-REGION` may now `sagemaker:DeleteEndpoint` on `arn:")
    assert difference.narrowed == ()
    assert "- ⚠️ `slipway-dev-classify-REGION` may now" in as_markdown(difference)


def test_a_wider_resource_comes_with_an_example(synthesized: Templates, templates: Templates) -> None:
    resource = statement(templates, "hosting", "ReadModels")["Resource"]
    statement(templates, "hosting", "ReadModels")["Resource"] = {
        "Fn::Join": ["", [*resource["Fn::Join"][1][:-1], "/*"]]
    }

    [sentence] = _compare(synthesized, templates).widened
    assert "may now `s3:GetObject` on" in sentence
    assert "for example" in sentence
    [sentence] = _compare(templates, synthesized).narrowed
    assert "may no longer `s3:GetObject` on" in sentence


def test_a_dropped_condition_is_newly_possible(synthesized: Templates, templates: Templates) -> None:
    del statement(templates, "trained-model", "PassTrainingRole")["Condition"]

    [sentence] = _compare(synthesized, templates).widened
    assert sentence.startswith("`slipway-dev-trained-model-REGION` may now `iam:PassRole` on")
    assert " if " not in sentence


def test_trust_and_new_roles_are_told(synthesized: Templates, templates: Templates) -> None:
    [trust] = role(templates, "classify")["AssumeRolePolicyDocument"]["Statement"]
    trust["Principal"] = {"AWS": "*"}
    new = {"RoleName": "new", "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}}
    templates[ROLES]["Resources"]["New"] = {"Type": "AWS::IAM::Role", "Properties": new}

    text = as_text(_compare(synthesized, templates))

    assert "+ `slipway-dev-classify-REGION` may now be assumed by AWS * (sts:AssumeRole)." in text
    assert "+ New role `new`." in text
    assert "- `slipway-dev-classify-REGION` may no longer be assumed by Service lambda.amazonaws.com" in text


def test_a_new_caller_of_a_function_is_told(synthesized: Templates, with_everything: Templates) -> None:
    text = as_text(_compare(synthesized, with_everything))

    assert "+ New policy of `function slipway-dev-classify:live`." in text
    called = "`function slipway-dev-classify:live` may now be called by Service apigateway.amazonaws.com"
    assert f"+ {called} (lambda:InvokeFunction) if aws:SourceArn ArnLike" in text
    assert "${api}/*/POST/classify" in text


def test_another_policy_of_a_resource_is_told(synthesized: Templates, templates: Templates) -> None:
    policy = found(templates, OPERATIONS, "AWS::SNS::TopicPolicy")["Properties"]["PolicyDocument"]
    deny, alarms, _ = policy["Statement"]
    policy["Statement"] = [alarms | {"Principal": {"AWS": "999999999999"}, "Condition": {}}]

    text = as_text(_compare(synthesized, templates))

    topic = "topic arn:aws:sns:REGION:ACCOUNT:slipway-dev-alarms"
    assert f"+ `{topic}` may now let AWS 999999999999 `sns:Publish` on `arn:" in text
    assert f"+ `{topic}` no longer denies AWS * `sns:Publish` on" in text
    assert f"- `{topic}` may no longer let Service cloudwatch.amazonaws.com `sns:Publish` on" in text
    assert deny["Effect"] == "Deny"


def test_another_binding_network_or_type_is_told(with_everything: Templates) -> None:
    templates = copy.deepcopy(with_everything)
    put(found(templates, SERVING, "AWS::Lambda::Function"), "Properties.Role", "arn:aws:iam::123456789012:role/Admin")
    put(found(templates, SERVING, "AWS::SageMaker::Model"), "Properties.EnableNetworkIsolation", None)
    door = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"}]
    put(found(templates, EC2, "AWS::EC2::SecurityGroup"), "Properties.SecurityGroupIngress", door)
    add(templates, stack=SERVING, resource={"Type": "AWS::Lambda::Url", "Properties": {}})

    difference = _compare(with_everything, templates)

    text = as_text(difference)
    function = "`AWS::Lambda::Function slipway-dev-classify` now has `Role`"
    before = "`arn:aws:iam::ACCOUNT:role/slipway-dev-classify-REGION`"
    assert f"+ {function} `arn:aws:iam::123456789012:role/Admin`, before {before}." in text
    assert "+ `AWS::SageMaker::Model slipway-dev-serving` now has no `EnableNetworkIsolation`, before `true`." in text
    assert "+ `AWS::EC2::SecurityGroup slipway-dev-ec2-training` now has `SecurityGroupIngress` `[{" in text
    assert "+ New type of resource `AWS::Lambda::Url`." in text
    assert difference.narrowed == ()
    assert "- Gone type of resource `AWS::Lambda::Url`." in as_text(_compare(templates, with_everything))


def test_another_program_address_or_script_is_told(with_everything: Templates) -> None:
    """Requests for jobs and root's scripts are texts, and say what runs and where it sends to."""
    templates = copy.deepcopy(with_everything)
    kinds = dict(audited.kinds())
    for what in (
        "images from another folder", "notebook LD_PRELOAD", "another AWS::SNS::Subscription in slipway-dev-serving",
        'scoring \\"EnableNetworkIsolation\\":true = \\"EnableNetworkIsolation\\":false',
        "audited Custom::TrainedModel 0 WaitUrl = https://x.example/",
    ):  # fmt: skip
        kinds[what](templates)

    text = as_text(_compare(with_everything, templates))

    assert "+ `Custom::TrainedModel slipway-dev-trained-model` now has `InputDataConfig`" in text
    assert "/trials/x/" in text
    assert "+ `Custom::TrainedModel slipway-dev-trained-model` now has `WaitUrl` `https://x.example/`" in text
    assert '+ `output ScoringJob` now has `NetworkConfig` `{"EnableNetworkIsolation": false}`' in text
    assert "now has `OnStart` `FILES IDLE_MINUTES LD_PRELOAD NAME" in text
    assert "+ `AWS::SNS::Subscription slipway-dev-serving` now has `Endpoint` `a@example.org`." in text


def test_one_of_several_of_a_name_is_told(tuned: Templates) -> None:
    templates = copy.deepcopy(tuned)
    put(found(templates, NETWORK, "AWS::EC2::VPCEndpoint", 1), "Properties.PrivateDnsEnabled", None)

    text = as_text(_compare(tuned, templates))
    assert "+ `AWS::EC2::VPCEndpoint slipway-dev-network` now has no `PrivateDnsEnabled`, before `true`." in text


def test_a_comment_that_is_too_long_says_how_much_is_left_out() -> None:
    """GitHub refuses a comment of more than 65,536 characters."""
    difference = Difference(tuple(f"`role {number}` may now do it." for number in range(5000)), ("less",))

    comment = as_markdown(difference)

    assert 65_000 < len(comment) <= 65_536
    shown = comment.count("- ⚠️ ")
    assert comment.endswith(f"\n{5001 - shown} more sentences do not fit here: `make iam-diff` prints them.\n")
    assert len(as_markdown(difference, 10)) < 200


def test_another_data_set_is_no_new_permission(synthesized: Templates) -> None:
    dataset = "211be9def8ee2605927906367ca052c050985b61b032b333987f664e780defaf"
    other = json.loads(json.dumps(synthesized).replace(dataset, "a" * 64))

    assert _compare(synthesized, other) == Difference((), ())


@pytest.fixture
def wider(folder: Path, templates: Templates, tmp_path: Path) -> Path:
    """A synthesized folder in which classify may do more."""
    statement(templates, "classify", "Invoke")["Action"] = ["sagemaker:InvokeEndpoint", "sagemaker:DeleteEndpoint"]
    (tmp_path / "manifest.json").write_text((folder / "manifest.json").read_text())
    for stack, template in templates.items():
        (tmp_path / f"{stack}.template.json").write_text(json.dumps(template))
    return tmp_path


def test_the_exit_code_says_whether_anything_widened(folder: Path, wider: Path, tmp_path: Path) -> None:
    comment = tmp_path / "comment.md"

    assert main(["diff", str(folder), str(wider), "--markdown", str(comment)]) == 1
    assert "sagemaker:DeleteEndpoint" in comment.read_text()
    assert main(["diff", str(wider), str(folder)]) == 0
    assert main(["diff", str(folder), str(folder)]) == 0


def test_for_programs_it_is_two_lists_of_sentences(
    folder: Path, wider: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", str(folder), str(wider), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (len(found["widened"]), found["narrowed"]) == (1, [])
    assert "sagemaker:DeleteEndpoint" in found["widened"][0]


def test_the_revision_is_of_the_same_stage(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    @contextmanager
    def synthesized(revision: str, given: dict[str, str]) -> Iterator[Path]:
        asked.append((revision, given))
        yield folder

    monkeypatch.setattr(permissions, "synthesized", synthesized)
    assert main(["diff", "main", str(folder), "--settings", "stage=prod"]) == 0
    assert asked == [("main", {"stage": "prod"})]


def test_a_revision_that_is_not_there_is_an_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "no-such-revision", str(folder)]) == 1
    assert "no-such-revision" in capsys.readouterr().err
