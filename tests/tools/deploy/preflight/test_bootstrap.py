"""An account that is bootstrapped is left alone, whatever its qualifier; only one without a bootstrap gets one.

AWS's page: "Bootstrap your environment for use with the AWS CDK", CDK developer guide.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.tools.deploy.preflight.conftest import ACCOUNT, REGION, Assembly, Aws, target
from tools import cdk
from tools.assembly import synthesize
from tools.deploy.preflight.bootstrap import bootstrap, bootstrap_options, bootstrapped, make_bootstrap
from tools.preflight import NotReady

PLACE = f"aws://{ACCOUNT}/{REGION}"


def has(aws: Aws, **versions: int) -> None:
    """Makes the account have bootstraps with these qualifiers and versions."""
    parameters = [
        {"Name": f"/cdk-bootstrap/{qualifier}/version", "Value": str(version)}
        for qualifier, version in versions.items()
    ]
    asked = {"Path": "/cdk-bootstrap", "Recursive": True}
    aws("ssm").add_response("get_parameters_by_path", {"Parameters": parameters}, asked)


def in_stacks(aws: Aws, **stacks: str) -> None:
    """Makes these stacks be the bootstraps of these qualifiers, beside another app's."""
    common: dict[str, Any] = {"CreationTime": 0, "StackStatus": "UPDATE_COMPLETE"}
    described: list[dict[str, Any]] = [
        {
            "StackName": name,
            "Parameters": [{"ParameterKey": "Qualifier", "ParameterValue": qualifier}],
            "Outputs": [{"OutputKey": "BootstrapVersion", "OutputValue": "5"}],
        }
        for qualifier, name in stacks.items()
    ]
    aws("cloudformation").add_response(
        "describe_stacks", {"Stacks": [common | each for each in [*described, {"StackName": "other"}]]}, {}
    )


def may_not_ask(aws: Aws) -> None:
    aws("ssm").add_client_error("get_parameters_by_path", "AccessDeniedException")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Commands of the CDK that were run."""
    commands: list[tuple[Any, ...]] = []
    monkeypatch.setattr(cdk, "run", lambda *command, **_: commands.append(command))
    return commands


def test_the_app_s_own_bootstrap_is_right_if_it_is_new_enough(aws: Aws) -> None:
    has(aws, hnb659fds=30, other=30)
    assert bootstrapped(target()) == "version 30, with the app's qualifier hnb659fds"
    has(aws, hnb659fds=5)
    in_stacks(aws, hnb659fds="CDKToolkit")
    with pytest.raises(NotReady, match=rf'needs 6: make cdk ARGS="bootstrap {PLACE} --qualifier hnb659fds"$'):
        bootstrapped(target())


@pytest.mark.parametrize(
    ("qualifier", "there", "stack"),
    [
        ("hnb659fds", {}, None),
        ("hnb659fds", {"hnb659fds": "platform"}, "platform"),
        ("hnb659fds", {"team": "CDKToolkit"}, "CDKToolkit-hnb659fds"),
        ("team", {"hnb659fds": "CDKToolkit"}, "CDKToolkit-team"),
        ("team", {"team": "CDKToolkit"}, None),
    ],
)
def test_a_bootstrap_command_never_names_the_stack_of_another_qualifier(
    aws: Aws, qualifier: str, there: dict[str, str], stack: str | None
) -> None:
    """Without `--toolkit-stack-name` it is CDKToolkit: "cdk bootstrap", CDK CLI reference."""
    in_stacks(aws, **there)
    named = f" --toolkit-stack-name {stack}" if stack else ""
    assert bootstrap_options(qualifier) == f"--qualifier {qualifier}{named}"


def test_a_bootstrap_command_is_told_to_who_may_not_ask_too(aws: Aws) -> None:
    aws("cloudformation").add_client_error("describe_stacks", "AccessDenied")
    own = "--qualifier team --toolkit-stack-name CDKToolkit-team"
    assert bootstrap_options("team") == own
    assert bootstrap_options("team", ask=False) == own  # the stub answers once


def test_one_with_another_qualifier_is_told_with_both_ways(aws: Aws) -> None:
    has(aws, team=30)
    with pytest.raises(NotReady) as said:
        bootstrapped(target())
    [line] = said.value.problems
    assert "it has the qualifier team, and the app has hnb659fds." in line
    assert '"@aws-cdk/core:bootstrapQualifier": "team" under `context` in cdk.json' in line
    assert line.endswith(f'{PLACE} --qualifier hnb659fds --toolkit-stack-name CDKToolkit-hnb659fds"')


def test_the_app_follows_the_qualifier_of_its_context() -> None:
    """Permissions and all: the gate passes what it synthesizes."""
    app = synthesize({"@aws-cdk/core:bootstrapQualifier": "team"})
    assert app.bootstrap == ("team", 6)
    assert "cdk-team-container-assets-" in json.dumps(app.template("roles"))


def test_the_app_s_qualifier_is_what_is_looked_for(aws: Aws) -> None:
    has(aws, team=30)
    assert bootstrapped(target(Assembly(bootstrap=("team", 6)))) == "version 30, with the app's qualifier team"


def test_without_one_the_deploy_makes_it_with_the_app_s_qualifier(aws: Aws, run: list[tuple[Any, ...]]) -> None:
    has(aws)
    assert bootstrapped(target()) == "none yet: the deploy makes it"
    has(aws)
    assert bootstrap(ACCOUNT, REGION, "team")
    assert run == [("bootstrap", PLACE, "--qualifier", "team")]


def test_the_deploy_asks_for_it_once(aws: Aws, run: list[tuple[Any, ...]]) -> None:
    """The stub answers one GetParametersByPath: another would be an error."""
    to = target(Assembly(bootstrap=("team", 6)))
    has(aws)
    bootstrapped(to)
    assert make_bootstrap(to)
    assert run == [("bootstrap", PLACE, "--qualifier", "team")]


def test_who_may_not_ask_makes_none_in_a_deploy_either(aws: Aws, run: list[tuple[Any, ...]]) -> None:
    may_not_ask(aws)
    assert not make_bootstrap(target())
    assert run == []


def test_it_is_made_outside_of_the_app_s_folder(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """In it, the CLI would synthesize the app first."""

    def check(*_: Any, folder: Path, **__: Any) -> None:
        assert not any(folder.iterdir())

    monkeypatch.setattr(cdk, "run", check)
    has(aws)
    assert bootstrap(ACCOUNT, REGION)


def test_a_bootstrapped_account_and_one_that_may_not_be_asked_are_left_alone(
    aws: Aws, run: list[tuple[Any, ...]]
) -> None:
    has(aws, hnb659fds=30)
    assert not bootstrap(ACCOUNT, REGION)
    has(aws, team=30)
    assert not bootstrap(ACCOUNT, REGION)
    may_not_ask(aws)
    assert not bootstrap(ACCOUNT, REGION)
    assert run == []


def test_who_may_not_ask_is_told_so(aws: Aws) -> None:
    may_not_ask(aws)
    with pytest.raises(ClientError, match="AccessDenied"):
        bootstrapped(target())
