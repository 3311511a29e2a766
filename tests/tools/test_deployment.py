"""A make command that a tool prints acts on the deployment that the tool was asked about."""

import pytest

from settings import read_settings
from tools.deployment import deployment


@pytest.fixture(autouse=True)
def no_stages(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("SLIPWAY_STAGES", str(tmp_path_factory.mktemp("stages")))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, ""),
        ({"epochs": "3"}, ""),  # the stage's file has it
        ({"app": "cats", "stage": "prod"}, ' SETTINGS="app=cats stage=prod"'),
    ],
)
def test_a_command_names_what_is_not_the_default_deployment(given: dict[str, str], words: str) -> None:
    assert deployment(read_settings(given)) == words


def test_a_command_changes_settings_of_the_deployment() -> None:
    assert deployment(read_settings({}), "seed=2") == ' SETTINGS="seed=2"'
    assert (
        deployment(read_settings({"stage": "prod"}), "seed=2", "epochs=9") == ' SETTINGS="stage=prod seed=2 epochs=9"'
    )
