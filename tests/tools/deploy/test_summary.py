"""The end of `make deploy`: what is live, how to try it, how to stop it."""

import pytest

from settings import read_settings
from tools.deploy import summary as module
from tools.deploy.summary import summary

ACCURACY = '{"slipway-prod-12ab-1": "0.9917, balanced 0.981, lowest class 0.9"}'
OUTPUTS = {
    "slipway-prod-trained-model": {"ModelDigest": "12ab" * 16, "TestAccuracy": ACCURACY},
    "slipway-prod-serving": {"EndpointName": "slipway-prod-4bd2"},
}


@pytest.fixture(autouse=True)
def no_stages(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("SLIPWAY_STAGES", str(tmp_path_factory.mktemp("stages")))
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(module, "outputs", OUTPUTS.__getitem__)


def test_it_names_endpoint_model_accuracy_and_the_commands_for_this_stage() -> None:
    assert list(summary(read_settings({"stage": "prod"}))) == [
        "Live: endpoint slipway-prod-4bd2, model 12ab12ab12ab, test accuracy 99.2%, 98.1% as the mean over classes, "
        "90.0% in the lowest class",
        'Try:  make classify IMAGE=cat.jpg SETTINGS="stage=prod", or make try SETTINGS="stage=prod" for a page',
        'Stop: make destroy SETTINGS="stage=prod"',
    ]


def test_of_an_endpoint_that_is_off_it_says_what_is_kept_and_what_switches_it_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(OUTPUTS, "slipway-prod-serving", {})
    off, on, *_ = summary(read_settings({"stage": "prod"}))
    assert off.startswith("Off:  no endpoint runs, and callers get 503; kept: model 12ab12ab12ab, test accuracy 99.2%")
    assert on == 'On:   make wake SETTINGS="stage=prod"'


def test_it_names_the_address_of_the_http_api_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://a1.execute-api.eu-west-1.amazonaws.com/classify"
    serving = OUTPUTS["slipway-prod-serving"] | {"ApiUrl": url}
    monkeypatch.setattr(module, "outputs", {**OUTPUTS, "slipway-prod-serving": serving}.__getitem__)

    said = list(summary(read_settings({"stage": "prod", "api": "iam"})))
    assert f"HTTP: POST {url} (iam), see docs/api.md" in said


def test_on_the_local_aws_make_down_stops_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://127.0.0.1:4566")
    assert list(summary(read_settings({"stage": "prod"})))[-1].endswith(", or make down for the whole local AWS")


@pytest.mark.parametrize("signalled", ["{}", "", '{"job": "none"}', "[1]"])
def test_an_accuracy_that_was_not_signalled_is_not_told(signalled: str) -> None:
    assert module.test_accuracy(signalled) == ""


def test_of_a_model_that_an_early_version_kept_the_accuracy_over_images_is_told() -> None:
    assert module.test_accuracy('{"slipway-prod-12ab-1": "0.9"}') == ", test accuracy 90.0%"
    balanced = module.test_accuracy('{"slipway-prod-12ab-1": "0.9, balanced 0.8"}')
    assert balanced == ", test accuracy 90.0%, 80.0% as the mean over classes"
