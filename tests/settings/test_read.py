"""Where a setting's value comes from, which source wins, and what each source is told that it cannot be."""

import json
from pathlib import Path
from typing import Any

import pytest

from settings import SettingsError, Sources, read_settings
from tests.defaults import DEFAULTS

MISSPELT = "stagee is not a setting: did you mean stage?"


class Checkout(Sources):
    """A checkout of the test's own, with today's defaults."""

    def __init__(self, folder: Path) -> None:
        super().__init__(root=folder, home=folder / "home", stages=folder / "stages")
        self.write("cdk.json", {"context": {"@aws-cdk/core:flag": True}, "settings": DEFAULTS})

    def write(self, name: str, value: Any) -> None:
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(value if isinstance(value, str) else json.dumps(value))

    def problems(self, **given: Any) -> list[str]:
        with pytest.raises(SettingsError) as refused:
            read_settings(given, self)
        return refused.value.problems


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_without_a_stage_s_file_all_settings_are_the_defaults(checkout: Checkout) -> None:
    assert dict(read_settings({}, checkout)) == DEFAULTS


def test_the_stage_s_file_wins_over_the_defaults(checkout: Checkout) -> None:
    checkout.write("stages/dev.json", {"stage": "dev", "epochs": 3})
    assert read_settings({}, checkout).epochs == 3


def test_what_is_given_wins_over_the_stage_s_file_even_with_the_default_s_own_value(checkout: Checkout) -> None:
    checkout.write("stages/dev.json", {"stage": "dev", "epochs": 3, "url_hosts": "a.example.com"})
    given = {"epochs": str(DEFAULTS["epochs"]), "url_hosts": "*"}
    assert dict(read_settings(given, checkout)) == DEFAULTS


def test_a_stage_s_file_is_for_that_stage_alone(checkout: Checkout) -> None:
    checkout.write("stages/dev.json", {"stage": "dev", "dataset": "d" * 64})
    checkout.write("stages/prod.json", {"stage": "prod", "app": "birds", "epochs": 3})
    prod = read_settings({"stage": "prod"}, checkout)
    assert (prod.prefix, prod.epochs, prod.dataset) == ("birds-prod", 3, DEFAULTS["dataset"])


def test_empty_text_is_the_default_where_the_setting_may_not_be_empty(checkout: Checkout) -> None:
    checkout.write("stages/dev.json", {"stage": "dev", "epochs": 3, "url_hosts": "a.example.com", "weights": "1" * 64})
    settings = read_settings({"epochs": "", "url_hosts": "", "weights": ""}, checkout)
    assert (settings.epochs, settings.url_hosts, settings.weights) == (DEFAULTS["epochs"], "", "")


@pytest.mark.parametrize("name", ["stages/dev.json", "cdk.json settings", "cdk.json context", "command line"])
def test_a_misspelt_setting_is_answered_with_the_same_sentence_wherever_it_stands(
    checkout: Checkout, name: str
) -> None:
    given = {}
    match name:
        case "stages/dev.json":
            checkout.write(name, {"stage": "dev", "stagee": "x"})
        case "cdk.json settings":
            checkout.write("cdk.json", {"settings": {**DEFAULTS, "stagee": "x"}})
        case "cdk.json context":
            checkout.write("cdk.json", {"context": {"stagee": "x"}, "settings": DEFAULTS})
            given = {"stagee": "x"}  # the CDK CLI hands it to the app
        case _:
            given = {"stagee": "x"}
    assert checkout.problems(**given) == [MISSPELT]


def test_a_setting_in_cdk_json_s_context_is_told_to_move(checkout: Checkout) -> None:
    checkout.write("cdk.json", {"context": {"epochs": 3}, "settings": DEFAULTS})
    assert checkout.problems() == ["epochs stands under `context` in cdk.json: move it to `settings`"]


def test_an_unknown_setting_is_answered_with_all_there_are(checkout: Checkout) -> None:
    [problem] = checkout.problems(zzz=1)
    assert problem.startswith("zzz is not a setting: the settings are architecture, image_size")


@pytest.mark.parametrize("name", ["home/.cdk.json", "cdk.context.json"])
def test_names_in_the_cli_s_own_files_that_are_no_settings_are_left_alone(checkout: Checkout, name: str) -> None:
    foreign = {"team": "birds", "cli-telemetry": False, "acknowledged-issue-numbers": [1]}
    checkout.write(name, {"context": foreign} if name.startswith("home") else foreign)
    assert dict(read_settings(foreign, checkout)) == DEFAULTS  # the CDK CLI hands them to the app
    assert checkout.problems(**foreign, stagee="x") == [MISSPELT]


def test_a_setting_in_the_user_s_own_cdk_json_counts_as_given_and_the_command_line_wins(checkout: Checkout) -> None:
    checkout.write("home/.cdk.json", {"context": {"stage": "alice", "epochs": 3}})
    checkout.write("stages/alice.json", {"stage": "alice", "epochs": 4, "seed": 7})
    settings = read_settings({}, checkout)
    assert (settings.stage, settings.epochs, settings.seed) == ("alice", 3, 7)
    assert read_settings({"stage": "dev"}, checkout).stage == "dev"


@pytest.mark.parametrize(
    "key",
    ["@aws-cdk/core:newStyleStackSynthesis", "aws:cdk:enable-path-metadata", "availability-zones:account=1:region=x"],
)
def test_context_of_the_cdk_s_own_is_left_alone(checkout: Checkout, key: str) -> None:
    assert dict(read_settings({key: True}, checkout)) == DEFAULTS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"stage": "prod"}', 'is not of stage dev: write "stage": "dev" into it, or rename it'),
        ('{"epochs": 3}', 'is not of stage dev: write "stage": "dev" into it, or rename it'),
        ('{"stage": "dev",', "cannot be read as JSON"),
        ('["dev"]', 'must be a JSON object, {"name": value, …}'),
    ],
)
def test_a_stage_s_file_that_is_none_is_named_with_the_fix(checkout: Checkout, text: str, said: str) -> None:
    checkout.write("stages/dev.json", text)
    [problem] = checkout.problems()
    assert f"{checkout.stages / 'dev.json'} {said}" in problem


def test_all_mistakes_of_all_sources_are_told_at_once(checkout: Checkout) -> None:
    checkout.write("cdk.json", {"context": {"seed": 1}, "settings": {**DEFAULTS, "batchsize": 3}})
    checkout.write("stages/dev.json", {"stage": "dev", "epochs": 0, "epoch": 3})
    assert len(checkout.problems(endpoint_max_instances=0, stagee="x")) == 6


def test_a_stage_that_is_no_name_is_no_file_name_either(checkout: Checkout) -> None:
    checkout.write("elsewhere.json", {"stage": "../elsewhere", "epochs": 3})
    [problem] = checkout.problems(stage="../elsewhere")
    assert problem.startswith("stage = '../elsewhere': must be 2 to 10 lower-case letters")


def test_the_data_set_of_an_old_cdk_context_json_moves_to_the_stage_s_file_once(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.write("cdk.context.json", {"dataset": "d" * 64, "team": "birds"})
    assert read_settings({"stage": "prod", "dataset": "d" * 64}, checkout).dataset == "d" * 64  # as the app sees it
    assert json.loads((checkout.stages / "prod.json").read_text()) == {"stage": "prod", "dataset": "d" * 64}
    assert json.loads((checkout.root / "cdk.context.json").read_text()) == {"team": "birds"}
    assert read_settings({"stage": "prod"}, checkout).dataset == "d" * 64
    assert read_settings({}, checkout).dataset == DEFAULTS["dataset"]
    assert capsys.readouterr().err.count("moved to") == 1


def test_an_old_data_set_does_not_replace_the_stage_s_own(checkout: Checkout) -> None:
    checkout.write("cdk.context.json", {"dataset": "d" * 64})
    checkout.write("stages/dev.json", {"stage": "dev", "dataset": "e" * 64})
    assert read_settings({"dataset": "d" * 64}, checkout).dataset == "e" * 64
    assert not (checkout.root / "cdk.context.json").exists()


def test_where_nothing_can_be_written_the_old_data_set_is_used_all_the_same(checkout: Checkout) -> None:
    checkout.write("cdk.context.json", {"dataset": "d" * 64})
    (checkout.root / "stages").symlink_to("/proc")  # takes no files, not even root's
    assert read_settings({}, checkout).dataset == "d" * 64
    assert (checkout.root / "cdk.context.json").exists()
