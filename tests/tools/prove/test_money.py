"""The cost of a proof is counted by what stands, and kept under a maximum."""

import time
from types import SimpleNamespace

import pytest

from aws.prices import HOURS, instance_hour, price
from settings import read_settings
from tests.tools.cost.conftest import stack
from tools.prove import money
from tools.prove.money import Bill, OutOfBudget, standing_hour, step_usd
from tools.prove.state import ProofState
from tools.prove.steps import STEPS
from tools.prove.steps.base import SETTINGS


def test_what_stands_is_priced_from_the_templates_without_calls_and_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    variant = {"InitialInstanceCount": 2, "InstanceType": "ml.m5.large", "ModelName": "m"}
    config = ("AWS::SageMaker::EndpointConfig", {"ProductionVariants": [variant]})
    app = {"slipway-prove-serving": stack(Config=config, Key=("AWS::KMS::Key", {}))}
    monkeypatch.setattr(money, "load", lambda _: app)

    hour = standing_hour(SimpleNamespace(folder=None))  # type: ignore[arg-type]

    assert hour == pytest.approx(2 * instance_hour("ml.m5.large") + price("kms", "key_month") / HOURS, abs=1e-4)


def test_a_step_costs_its_minutes_its_jobs_and_its_fleets() -> None:
    tuned = STEPS["tuned"]
    settings = read_settings({**SETTINGS, **tuned.changes})
    jobs = 2 * tuned.job_minutes / 60 * instance_hour("ml.m5.xlarge")
    fleet = tuned.minutes / 60 * 2 * instance_hour("ml.m5.large")
    assert step_usd(tuned, settings, hour=1.0) == pytest.approx(tuned.minutes / 60 + jobs + fleet)


def test_every_step_that_the_local_aws_takes_has_a_price() -> None:
    for step in STEPS.values():
        if not step.account_only:
            assert step_usd(step, read_settings({**SETTINGS, **step.changes}), 0.2) > 0


def state(**about: float) -> ProofState:
    return ProofState("1" * 12, "us-east-1", dict(SETTINGS), **about)  # type: ignore[arg-type]


def test_what_an_interrupted_run_left_standing_is_counted() -> None:
    known = state(usd=1.0, clock=time.time() - 3600)
    Bill(known, hour=0.5, maximum=None).count()
    assert known.usd == pytest.approx(1.5, abs=0.01)
    assert known.seconds < 60  # in which nothing ran


def test_a_step_that_would_lead_over_the_maximum_is_refused_with_the_amounts() -> None:
    bill = Bill(state(usd=1.9), hour=0.6, maximum=2.0)
    bill.require([])
    with pytest.raises(OutOfBudget, match=r"MAX_USD=2: 1\.90 \$ are spent, and the next step .* costs about 0\."):
        bill.require([STEPS["load"]])


def test_without_a_maximum_nothing_is_refused() -> None:
    Bill(state(usd=1e6), hour=1e3, maximum=None).require([STEPS["load"]])
