"""The cost of a proof is counted by what stands, and kept under a maximum."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from aws.prices import DEFAULT_REGION, HOURS, UnknownPrice, instance_hour, price
from settings import read_settings
from tests.tools.cost.conftest import endpoint, stack
from tools.prove import money
from tools.prove.money import Bill, OutOfBudget, priced_region, standing_hour, step_usd
from tools.prove.state import ProofState
from tools.prove.steps import STEPS
from tools.prove.steps.base import SETTINGS


@pytest.fixture
def assembly(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An app that has an endpoint and a key."""
    variant = {"InitialInstanceCount": 2, "InstanceType": "ml.m5.large", "ModelName": "m"}
    app = {"slipway-prove-serving": endpoint(variant), "slipway-prove-storage": stack(Key=("AWS::KMS::Key", {}))}
    monkeypatch.setattr(money, "load", lambda _: app)
    return SimpleNamespace(folder=None)


@pytest.mark.parametrize("region", [DEFAULT_REGION, "eu-west-1"])
def test_what_stands_is_priced_from_the_templates_without_calls_and_trainings(assembly: Any, region: str) -> None:
    hour = standing_hour(assembly, region)

    wanted = 2 * instance_hour("ml.m5.large", region) + price("kms", "key_month", region) / HOURS
    assert hour == pytest.approx(wanted, abs=1e-4)


def test_what_stands_and_has_no_price_is_named_instead_of_left_out(assembly: Any) -> None:
    with pytest.raises(UnknownPrice, match=r"no price of sagemaker processed_gb .* under us-west-2\.sagemaker"):
        standing_hour(assembly, "us-west-2")


@pytest.mark.parametrize(
    ("region", "type_", "prices"),
    [
        ("eu-west-1", "ml.m5.large", "eu-west-1"),
        ("eu-west-1", "ml.c5.large", DEFAULT_REGION),  # of the step
        ("us-west-2", "ml.m5.large", DEFAULT_REGION),  # of what stands
        ("eu-north-1", "ml.m5.large", DEFAULT_REGION),
    ],
)
def test_the_region_s_own_prices_count_where_all_of_them_are_known(
    assembly: Any, region: str, type_: str, prices: str
) -> None:
    moved = read_settings({**SETTINGS, "endpoint_instance_type": type_})
    assert priced_region(assembly, [(STEPS["load"], moved)], region) == prices


def test_a_step_costs_its_minutes_its_jobs_and_its_fleets() -> None:
    tuned = STEPS["tuned"]
    settings = read_settings({**SETTINGS, **tuned.changes})
    jobs = 2 * tuned.job_minutes / 60 * instance_hour("ml.m5.xlarge")
    fleet = tuned.minutes / 60 * 2 * instance_hour("ml.m5.large")
    assert step_usd(tuned, settings, 1.0, DEFAULT_REGION) == pytest.approx(tuned.minutes / 60 + jobs + fleet)


def test_every_step_has_a_price() -> None:
    for step in STEPS.values():
        assert step_usd(step, read_settings({**SETTINGS, **step.changes}), 0.2, DEFAULT_REGION) > 0


def state(**about: float) -> ProofState:
    return ProofState("1" * 12, "us-east-1", dict(SETTINGS), **about)  # type: ignore[arg-type]


def test_what_an_interrupted_run_left_standing_is_counted() -> None:
    known = state(usd=1.0, clock=time.time() - 3600)
    Bill(known, hour=0.5, maximum=None, region=DEFAULT_REGION).count()
    assert known.usd == pytest.approx(1.5, abs=0.01)
    assert known.seconds < 60  # in which nothing ran


def test_a_step_that_would_lead_over_the_maximum_is_refused_with_the_amounts() -> None:
    bill = Bill(state(usd=1.9), hour=0.6, maximum=2.0, region=DEFAULT_REGION)
    bill.require([])
    with pytest.raises(OutOfBudget, match=r"MAX_USD=2: 1\.90 \$ are spent, and the next step .* costs about 0\."):
        bill.require([STEPS["load"]])


def test_without_a_maximum_nothing_is_refused() -> None:
    Bill(state(usd=1e6), hour=1e3, maximum=None, region=DEFAULT_REGION).require([STEPS["load"]])
