"""The EC2 training stack: what can reach the instance, what it gets, and what cannot be deployed."""

import ipaddress
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Template

from aws.ec2_types import EC2_TYPES
from aws.prices import instance_hour
from settings import SettingsError
from stacks.ec2_training import MAX_USER_DATA, UserDataTooLong, within_limit
from tests.defaults import DEFAULTS
from tests.stacks.conftest import Synthesize, synthesize_to
from tests.stacks.resources import ON_EC2, of_type, roles, statements, text
from tools.cost.estimate import estimate
from tools.cost.usage import Usage

SCRIPT = Path(__file__).parents[2] / "ec2" / "user_data.sh"
Templates = dict[str, Template]


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return synthesize_to(tmp_path_factory.mktemp("cdk.out"), **ON_EC2)


@pytest.fixture(scope="module")
def instance(on: Templates) -> dict[str, Any]:
    [found] = of_type(on["ec2-training"], "AWS::EC2::Instance")
    return found


@pytest.fixture(scope="module")
def user_data(instance: dict[str, Any]) -> str:
    return text(instance["UserData"]["Fn::Base64"])


def test_without_the_setting_there_is_no_instance_and_no_role_for_it(templates: Templates) -> None:
    assert "ec2-training" not in templates
    assert "ec2-training" not in roles(templates)


def test_nothing_can_connect_to_the_instance(on: Templates) -> None:
    [group] = of_type(on["ec2-training"], "AWS::EC2::SecurityGroup")
    assert "SecurityGroupIngress" not in group
    assert [rule["FromPort"] for rule in group["SecurityGroupEgress"]] == [443]
    on["ec2-training"].resource_count_is("AWS::EC2::SecurityGroupIngress", 0)


def test_session_manager_is_the_only_way_in(on: Templates, instance: dict[str, Any]) -> None:
    assert "KeyName" not in instance
    allowed = statements(roles(on)["ec2-training"])
    assert allowed["RegisterForSessions"]["Action"] == ["ssm:UpdateInstanceInformation"]
    assert {action.split(":")[0] for action in allowed["OpenSessions"]["Action"]} == {"ssmmessages"}


def test_the_network_has_a_way_to_s3_and_no_nat(on: Templates) -> None:
    on["ec2-training"].resource_count_is("AWS::EC2::NatGateway", 0)
    [endpoint] = of_type(on["ec2-training"], "AWS::EC2::VPCEndpoint")
    assert endpoint["VpcEndpointType"] == "Gateway"


def test_the_subnet_is_in_the_zone_that_is_set_and_each_zone_has_its_own_addresses(
    on: Templates, synthesize: Synthesize
) -> None:
    """CloudFormation makes a replacement before it deletes the old one: the blocks must not overlap. AWS:
    "AWS::EC2::Subnet", CloudFormation reference."""
    blocks = [ipaddress.IPv4Network(of_type(on["ec2-training"], "AWS::EC2::Subnet")[0]["CidrBlock"])]
    assert "AvailabilityZoneId" not in of_type(on["ec2-training"], "AWS::EC2::Subnet")[0]
    for zone in ("use1-az1", "use1-az2", "use1-az6"):
        stacks = synthesize(**ON_EC2, ec2_zone_id=zone)
        [subnet] = of_type(stacks["ec2-training"], "AWS::EC2::Subnet")
        assert subnet["AvailabilityZoneId"] == zone
        block = ipaddress.IPv4Network(subnet["CidrBlock"])
        assert block.subnet_of(ipaddress.IPv4Network("10.0.0.0/24"))
        assert not any(block.overlaps(other) for other in blocks)
        blocks.append(block)


def test_metadata_takes_a_token_and_goes_one_hop(instance: dict[str, Any]) -> None:
    assert instance["MetadataOptions"] == {
        "HttpEndpoint": "enabled",
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 1,
    }


def test_the_disk_is_encrypted_and_goes_with_the_instance(instance: dict[str, Any]) -> None:
    [disk] = instance["BlockDeviceMappings"]
    assert disk["Ebs"]["Encrypted"] is True
    assert disk["Ebs"]["DeleteOnTermination"] is True
    assert instance["InstanceInitiatedShutdownBehavior"] == "terminate"


def test_it_costs_no_more_than_its_price_by_default(instance: dict[str, Any]) -> None:
    assert (instance["InstanceType"], instance["CreditSpecification"]) == ("t2.micro", {"CPUCredits": "standard"})


def test_the_image_is_amazon_linux_2023_by_its_parameter(on: Templates, instance: dict[str, Any]) -> None:
    parameter = on["ec2-training"].to_json()["Parameters"][instance["ImageId"]["Ref"]]
    assert parameter["Type"] == "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"
    assert "al2023" in parameter["Default"]


def test_the_stack_waits_for_the_instance_s_signal(on: Templates, user_data: str) -> None:
    [wait] = of_type(on["ec2-training"], "AWS::CloudFormation::WaitCondition")
    assert wait["Count"] == 1
    assert wait["Handle"]["Ref"] in user_data


def test_the_instance_trains_with_the_settings_of_the_sagemaker_job(on: Templates, user_data: str) -> None:
    [job] = of_type(on["trained-model"], "Custom::TrainedModel")
    request = json.loads(text(job["Request"]))
    for name, value in request["HyperParameters"].items():
        assert f"--{name} {value}" in user_data
    code = next(c for c in request["InputDataConfig"] if c["ChannelName"] == "code")
    assert code["DataSource"]["S3DataSource"]["S3Uri"].rpartition("/")[2] in user_data


IDS = ("AWS::EC2::Instance", "AWS::CloudFormation::WaitConditionHandle", "AWS::CloudFormation::WaitCondition")


def _ids(templates: Templates) -> set[str]:
    return {name for kind in IDS for name in templates["ec2-training"].find_resources(kind)}


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"ec2_instance_type": "t3.micro"},
        {"ec2_credits": "unlimited"},
        {"ec2_volume_gib": 20},
        {"ec2_zone_id": "euw1-az2"},
        {"training_max_hours": 3},
        {"tags": "team=vision"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_has_ended_is_not_updated_but_made_anew(
    on: Templates, synthesize: Synthesize, change: dict[str, Any]
) -> None:
    changed = synthesize(**ON_EC2, **change)
    assert len(_ids(on)) == 3
    assert _ids(on).isdisjoint(_ids(changed))


def test_a_changed_script_is_another_instance_that_finds_the_same_model(
    on: Templates, synthesize: Synthesize, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "ec2" / "user_data.sh"
    script.parent.mkdir()
    script.write_text(SCRIPT.read_text() + "# changed\n")
    monkeypatch.setattr("stacks.ec2_training._SCRIPT", script)
    monkeypatch.setattr("iam.forms._ROOT", tmp_path)  # the gate holds the template to the file in the repository
    changed = synthesize(**ON_EC2)
    assert _ids(on).isdisjoint(_ids(changed))
    [before, after] = (
        re.findall("^DIGEST=(.*)$", text(instance["UserData"]["Fn::Base64"]), re.MULTILINE)
        for stacks in (on, changed)
        for instance in of_type(stacks["ec2-training"], "AWS::EC2::Instance")
    )
    assert before == after


def test_a_setting_of_another_stack_leaves_the_instance_alone(on: Templates, synthesize: Synthesize) -> None:
    changed = synthesize(**ON_EC2, notebook=True, endpoint_max_instances=9)
    assert _ids(on) == _ids(changed)


def test_its_role_writes_five_objects_and_reads_one_data_set(on: Templates) -> None:
    role = roles(on)["ec2-training"]
    allowed = statements(role)
    written = [text(resource).rpartition("/TrainedModels/")[2] for resource in allowed["KeepArtifact"]["Resource"]]
    assert written == ["model.onnx", "model.tar.gz", "metrics.json", "train.log", "digest.txt"]
    assert "ManagedPolicyArns" not in role
    assert not [a for s in allowed.values() for a in s["Action"] if a.startswith(("s3:Delete", "iam:", "sts:"))]


def test_the_user_data_holds_no_secret(user_data: str) -> None:
    for word in ("AKIA", "SECRET", "PASSWORD", "PRIVATE KEY"):
        assert word not in user_data.upper().replace("SECURITY", "")


def test_the_script_is_valid_shell() -> None:
    subprocess.run(["bash", "-n", str(SCRIPT)], check=True)


def test_nothing_that_answers_no_more_keeps_the_instance(user_data: str) -> None:
    """ "curl", its manual: --retry repeats what failed, and without --max-time silence does not fail."""
    calls = re.findall(r"\bcurl .*", user_data)
    assert len(calls) == 3 and all("--max-time " in call for call in calls)


def test_user_data_over_ec2_s_limit_is_refused_with_its_size() -> None:
    assert within_limit("x" * 100) == "x" * 100
    with pytest.raises(UserDataTooLong, match=f"{MAX_USER_DATA + 1024} bytes .* shorten it by 1024"):
        within_limit("x" * MAX_USER_DATA)


def test_user_data_over_ec2_s_limit_ends_the_app_with_a_message_and_not_in_a_stack_trace(tmp_path: Path) -> None:
    (tmp_path / "user_data.sh").write_text("x" * MAX_USER_DATA)
    run = f"""
import app, pathlib, stacks.ec2_training
stacks.ec2_training._SCRIPT = pathlib.Path({str(tmp_path / "user_data.sh")!r})
app.main()
"""
    context = json.dumps({**DEFAULTS, **ON_EC2})
    environment = {**os.environ, "CDK_CONTEXT_JSON": context, "CDK_OUTDIR": str(tmp_path / "cdk.out")}
    done = subprocess.run(
        [sys.executable, "-c", run], env=environment, cwd=SCRIPT.parents[1], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert re.fullmatch(r"ec2/user_data\.sh makes \d+ bytes .*: shorten it by \d+, or move a part .*\n", done.stderr)
    assert not list((tmp_path / "cdk.out").glob("*.template.json"))


@pytest.mark.parametrize(
    ("setting", "value"),
    [("ec2_instance_type", "t2.huge"), ("ec2_credits", "endless"), ("ec2_volume_gib", 4)],
)
def test_what_the_instance_cannot_be_is_refused_by_name(synthesize: Synthesize, setting: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=setting):
        synthesize(**ON_EC2 | {setting: value})


def test_every_instance_type_has_a_price_and_a_machine() -> None:
    from local_aws.ec2.machine import TYPES

    assert EC2_TYPES.items() <= TYPES.items()
    assert all(instance_hour(type_) > 0 for type_ in EC2_TYPES)


def test_the_cost_it_tells_has_its_disk_address_and_metrics(on: Templates, user_data: str) -> None:
    [told] = re.findall(r"^PRICE_PER_HOUR=(.*)$", user_data, re.MULTILINE)
    run = estimate({"slipway-dev-ec2-training": on["ec2-training"].to_json()}, Usage(host_hours=1)).training
    assert float(told) == pytest.approx(run, abs=0.0001)
