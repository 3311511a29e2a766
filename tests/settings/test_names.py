"""Names that stand a second time because code in AWS cannot import them, held equal to their home."""

import re
import sys
from pathlib import Path

import pytest

from aws import log_groups
from aws.registries import REGISTRY_ACCOUNTS
from settings import SettingsError, names, read_settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def as_in_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each function's folder is the root of its imports."""
    for folder in ("classify", "trained_model"):
        monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT / "lambda" / folder)])


def test_trained_model_lambda_uses_the_same_keys() -> None:
    import store

    for name in ("data_manifest", "job_artifact", "model_key", "result_key", "waiting_note"):
        assert getattr(store, name)("0a1b") == getattr(names, name)("0a1b")


def test_trained_model_lambda_names_the_log_group_of_training_jobs() -> None:
    import jobs

    assert jobs._LOG_GROUP == log_groups.TRAINING_JOBS


def test_classify_lambda_writes_the_metrics_that_alarms_read() -> None:
    import request_metrics

    assert request_metrics.NAMESPACE == names.REQUEST_METRICS


def test_ec2_user_data_uses_the_same_keys() -> None:
    script = (ROOT / "ec2" / "user_data.sh").read_text()
    assert f"MODEL=s3://$BUCKET/{names.EC2_ARTIFACTS}\n" in script
    assert set(re.findall(r'"\$MODEL/([^" ]+)"', script)) == set(names.EC2_ARTIFACT_FILES)
    keys = {names.data_manifest("$DATASET"), names.data_folder("$DATASET"), names.weights_key("$WEIGHTS")}
    assert set(re.findall(r'"s3://\$BUCKET/([^"]+)"', script)) == keys


def test_no_model_digest_makes_a_name_of_the_notebook() -> None:
    own = names.notebook_prefix("slipway-dev").removeprefix(names.job_prefix("slipway-dev"))
    assert not re.match("[0-9a-f]", own)
    assert not re.fullmatch("[0-9a-f]{4}", names.notebook_endpoint_name("slipway-dev")[-4:])


@pytest.mark.parametrize("instance_type", ["ml.m5.large", "ml.g4dn.xlarge"])
def test_endpoint_follows_its_instance_type_within_the_pattern(instance_type: str) -> None:
    name = names.endpoint_name("slipway-dev", instance_type)
    assert name != names.endpoint_name("slipway-dev", "ml.c5.large")
    assert re.fullmatch(names.endpoint_name_pattern("slipway-dev").replace("?", "."), name)


def test_the_longest_app_and_stage_have_a_bucket_in_every_region() -> None:
    """ "Bucket naming rules", Amazon S3 user guide: 63 characters."""
    longest = read_settings({"app": "a" * 16, "stage": "b" * 10})
    with pytest.raises(SettingsError):
        read_settings({"app": "a" * 17, "stage": "b" * 11})
    for region in REGISTRY_ACCOUNTS:
        assert len(names.access_log_bucket(names.bucket_name(longest.prefix, "1" * 12, region))) <= 63


def test_all_names_of_a_system_begin_with_its_prefix() -> None:
    made = [
        names.bucket_name("a-dev", "1", "eu-west-1"), names.notebook_prefix("a-dev"),
        names.resource_name("a-dev", "storage"), names.alarm_name("a-dev", "endpoint-full"),
    ]  # fmt: skip
    assert all(name.startswith("a-dev-") for name in made)
