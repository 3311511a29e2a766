"""cdk-nag's AwsSolutions and NIST 800-53 R5 packs find only what the contract and iam/acknowledged.yaml explain."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks, NIST80053R5Checks

from app import CONTEXT, acknowledged, build
from iam.acknowledged import Acknowledgement
from settings import read_settings
from tests.defaults import DEFAULTS

# Every name another one, and everything that can be switched the other way.
OTHER_SETTINGS = {
    "app": "birds",
    "stage": "prod",
    "dataset": "0" * 64,
    "weights": "1" * 64,
    "training_instance_type": "ml.g4dn.xlarge",
    "training_instance_count": 4,
    "tuning_max_jobs": 8,
    "tuning_learning_rate": "0.001..0.1",
    "endpoint_instance_type": "ml.m5d.large",
    "endpoint_min_instances": 2,
    "endpoint_shift": "linear",
    "endpoint_data_capture_percent": 5,
    "alarm_email": "birds@example.org",
    "notebook": True,
    "lambda_provisioned_concurrency": 0,
    "lambda_reserved_concurrency": 0,
    "api": "jwt",
    "api_jwt_issuer": "https://login.example.com/",
    "api_jwt_audience": "birds",
    "keep_data": False,
}
SPOT = {
    "app": "birds",
    "stage": "spot",
    "dataset": "0" * 64,
    "spot": True,
    "ec2_training": True,
    "image_size": 64,
    "api": "iam",
}  # no tuning
PRIVATE = {"app": "birds", "stage": "inside", "network": "private", "training_instance_count": 2}
Report = dict[str, dict[str, Any]]


def _validate(outdir: Path, **settings: Any) -> Report:
    """Findings of each rule pack about the app, by the pack's name."""
    app = App(context=CONTEXT, outdir=str(outdir), analytics_reporting=False, tree_metadata=False)
    build(app, read_settings(DEFAULTS | settings))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), NIST80053R5Checks(app))
    with contextlib.suppress(RuntimeError):  # raised for any finding, after the report is written
        app.synth()
    report = json.loads((outdir / "validation-report.json").read_text())
    return {pack["pluginName"]: pack for pack in report["pluginReports"]}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    """By the prefix of the system: with the settings of cdk.json, and with others."""
    return {
        "slipway-dev": _validate(tmp_path_factory.mktemp("nag")),
        "birds-prod": _validate(tmp_path_factory.mktemp("nag"), **OTHER_SETTINGS),
        "birds-spot": _validate(tmp_path_factory.mktemp("nag"), **SPOT),
        "birds-inside": _validate(tmp_path_factory.mktemp("nag"), **PRIVATE),
    }


@pytest.fixture(scope="module")
def acknowledgements() -> dict[str, list[Acknowledgement]]:
    """Rows that the app acknowledges, by the prefix of the system."""
    every = {"slipway-dev": {}, "birds-prod": OTHER_SETTINGS, "birds-spot": SPOT, "birds-inside": PRIVATE}
    return {prefix: acknowledged(read_settings(DEFAULTS | settings)) for prefix, settings in every.items()}


def _rule(id: str) -> str:
    """The rule without the resource in brackets."""
    return id.partition("[")[0]


def _explained(report: Report) -> list[dict[str, Any]]:
    return [finding for pack in report.values() for finding in pack.get("suppressedViolations", [])]


@pytest.mark.parametrize("system", ["slipway-dev", "birds-prod", "birds-spot", "birds-inside"])
def test_no_finding_is_unexplained(reports: dict[str, Report], system: str) -> None:
    assert {"AwsSolutions", "NIST.800.53.R5"} < set(reports[system])
    assert [
        f"{pack}::{finding['ruleName']} at {construct['constructPath']}"
        for pack, found in reports[system].items()
        for finding in found["violations"]
        for construct in finding["violatingConstructs"]
    ] == []


@pytest.mark.parametrize("system", ["slipway-dev", "birds-prod", "birds-spot", "birds-inside"])
def test_a_finding_has_the_reason_of_its_own_line(
    reports: dict[str, Report], acknowledgements: dict[str, list[Acknowledgement]], system: str
) -> None:
    reasons = {(row.rule, f"{system}-{row.construct}"): row.reason for row in acknowledgements[system]}
    for finding in _explained(reports[system]):
        assert finding["reason"] == reasons[finding["acknowledgedId"], finding["acknowledgedAt"]]


def test_every_acknowledgement_explains_a_finding(
    reports: dict[str, Report], acknowledgements: dict[str, list[Acknowledgement]]
) -> None:
    """One that does not is stale, or lacks its pack's prefix, which hides the finding from the report.

    A wildcard's resource has another name in each system, so the reason stands for it.
    """
    used = {
        (finding["acknowledgedAt"].removeprefix(f"{system}-"), _rule(finding["acknowledgedId"]), finding["reason"])
        for system, report in reports.items()
        for finding in _explained(report)
    }
    rows = [row for system in acknowledgements.values() for row in system]
    assert {(row.construct, _rule(row.rule), row.reason) for row in rows} - used == set()


def test_every_acknowledgement_begins_with_a_packs_name(
    reports: dict[str, Report], acknowledgements: dict[str, list[Acknowledgement]]
) -> None:
    packs = {name.replace(" ", "-") for name in reports["slipway-dev"]}
    rows = [row for system in acknowledgements.values() for row in system]
    assert [row.rule for row in rows if row.rule.split("::")[0] not in packs] == []
