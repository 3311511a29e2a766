"""The notebook stack: what the instance is, what it brings, and that it can change nothing that is live."""

import base64
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Template

from tests.stacks.conftest import Synthesize, synthesize_to
from tests.stacks.resources import only, roles, statements, text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cdk.out")


@pytest.fixture(scope="module")
def with_notebook(folder: Path) -> dict[str, Template]:
    return synthesize_to(folder, notebook=True)


@pytest.fixture(scope="module")
def instance(with_notebook: dict[str, Template]) -> dict[str, Any]:
    return only(with_notebook["notebook"], "AWS::SageMaker::NotebookInstance")


@pytest.fixture(scope="module")
def role(with_notebook: dict[str, Template]) -> dict[str, Any]:
    return roles(with_notebook)["notebook"]


@pytest.fixture(scope="module")
def trial(with_notebook: dict[str, Template]) -> dict[str, Any]:
    return roles(with_notebook)["notebook-trial"]


@pytest.fixture(scope="module")
def script(with_notebook: dict[str, Template]) -> str:
    lifecycle = only(with_notebook["notebook"], "AWS::SageMaker::NotebookInstanceLifecycleConfig")
    return text(lifecycle["OnStart"][0]["Content"]["Fn::Base64"])


def test_there_is_none_unless_it_is_asked_for(templates: dict[str, Template]) -> None:
    assert "notebook" not in templates


def test_it_is_small_without_root_and_encrypted(instance: dict[str, Any]) -> None:
    assert instance["InstanceType"] == "ml.t3.medium"
    assert instance["RootAccess"] == "Disabled"
    assert "Key" in text(instance["KmsKeyId"])
    assert instance["InstanceMetadataServiceConfiguration"] == {"MinimumInstanceMetadataServiceVersion": "2"}
    assert instance["PlatformIdentifier"] == "notebook-al2023-v1"
    assert instance["VolumeSizeInGB"] == 10


def test_its_access_to_the_internet_is_explained(instance: dict[str, Any]) -> None:
    """tests/stacks/test_nag.py holds the reason to the finding."""
    assert instance["DirectInternetAccess"] == "Enabled"


def test_another_type_and_idle_time(synthesize: Synthesize) -> None:
    templates = synthesize(notebook=True, notebook_instance_type="ml.m5.xlarge", notebook_idle_minutes=15)
    assert only(templates["notebook"], "AWS::SageMaker::NotebookInstance")["InstanceType"] == "ml.m5.xlarge"
    lifecycle = only(templates["notebook"], "AWS::SageMaker::NotebookInstanceLifecycleConfig")
    assert "IDLE_MINUTES='15'\n" in text(lifecycle["OnStart"][0]["Content"]["Fn::Base64"])


def test_its_script_is_a_shell_script_within_the_limit(script: str) -> None:
    assert len(base64.b64encode(script.encode())) <= 16384
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_it_brings_the_notebook_and_its_locked_environment(script: str, folder: Path) -> None:
    [line] = [line for line in script.splitlines() if line.startswith("FILES=")]
    digest = line.rpartition("/")[2].removesuffix(".zip'")
    files = folder / f"asset.{digest}"
    names = {path.relative_to(files).as_posix() for path in files.rglob("*")}
    assert {"notebooks/train_and_deploy.ipynb", "notebooks/requirements.txt", "notebooks/idle.py"} <= names
    assert {"tools/dataset/digits.py", "iam/contract.yaml"} <= names
    assert not {name.split("/")[0] for name in names} - {"notebooks", "tools", "settings", "training", "iam", "aws"}
    # Nothing of the repository is on the instance but these files.
    modules = "notebooks.deployed, settings.names, tools.dataset.digits"
    subprocess.run([sys.executable, "-E", "-c", f"import {modules}"], cwd=files, check=True)


def test_the_log_of_the_endpoint_that_it_makes_is_not_kept_for_ever(with_notebook: dict[str, Template]) -> None:
    [(_, group)] = with_notebook["notebook"].find_resources("AWS::Logs::LogGroup").items()
    assert group["Properties"]["LogGroupName"] == "/aws/sagemaker/Endpoints/slipway-dev-note"
    assert (group["Properties"]["RetentionInDays"], group["DeletionPolicy"]) == (30, "Delete")


def test_it_makes_only_what_has_its_own_prefix(role: dict[str, Any]) -> None:
    changing = ("Create", "Delete", "Stop", "Update", "AddTags", "Put")
    for statement in statements(role).values():
        for action in statement["Action"]:
            verb = action.partition(":")[2]
            if action.startswith("sagemaker:") and verb.startswith(changing):
                for resource in statement["Resource"]:
                    own = resource.rpartition("/")[2]
                    assert own.startswith(("slipway-dev-nb-", "slipway-dev-note")), action


def test_log_groups_are_named_in_both_forms_of_their_arn(role: dict[str, Any], trial: dict[str, Any]) -> None:
    """`GROUP:*` is asked for: "Overview of managing access permissions to your CloudWatch Logs resources", CloudWatch
    Logs user guide."""
    granted = [s for of in (role, trial) for s in statements(of).values()]
    opened = [s for s in granted if {"logs:CreateLogGroup", "logs:DescribeLogStreams"} & set(s["Action"])]
    assert len(opened) == 3
    for statement in opened:
        groups = {resource.removesuffix(":*") for resource in statement["Resource"]}
        assert sorted(statement["Resource"]) == sorted([*groups, *(f"{group}:*" for group in groups)])


def test_it_writes_no_object(role: dict[str, Any]) -> None:
    """The role changes neither the live data set nor a model, and nothing that a job of the deploy has made."""
    assert not [s for s in statements(role).values() for action in s["Action"] if action in ("s3:PutObject", "s3:*")]


def test_what_it_tries_writes_under_its_own_prefix_alone(trial: dict[str, Any]) -> None:
    written = [s["Resource"] for s in statements(trial).values() if "s3:PutObject" in s["Action"]]
    assert [[resource.partition("/")[2] for resource in each] for each in written] == [["jobs/slipway-dev-nb-*"]]


def test_it_passes_the_role_of_its_trials_alone_to_one_service(role: dict[str, Any]) -> None:
    passing = statements(role)["PassTrialRole"]
    [resource] = passing["Resource"]
    assert "NotebookTrial" in resource
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


def test_what_runs_with_a_role_it_passes_has_no_network(role: dict[str, Any]) -> None:
    """A program with a network fetches the credentials of its job's role: "Run Training and Inference Containers in
    Internet-Free Mode", SageMaker AI developer guide.
    """
    creating = {a: s for s in statements(role).values() for a in s["Action"] if a.startswith("sagemaker:Create")}
    with_role = ("CreateTrainingJob", "CreateHyperParameterTuningJob", "CreateModel")
    assert {action.partition(":")[2] for action in creating} == {*with_role, "CreateEndpointConfig", "CreateEndpoint"}
    for name in with_role:
        assert creating[f"sagemaker:{name}"]["Condition"] == {"Bool": {"sagemaker:NetworkIsolation": "true"}}


def test_sagemaker_in_this_account_may_be_given_the_role(role: dict[str, Any]) -> None:
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert text(trust["Condition"]["ArnLike"]["aws:SourceArn"]).endswith(":*")


def test_a_notebook_changes_no_other_role(templates: dict[str, Template], with_notebook: dict[str, Template]) -> None:
    without = roles(templates)
    assert {name: role for name, role in roles(with_notebook).items() if name in without} == without
