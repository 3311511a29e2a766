"""Values that each setting takes, and the sentences about those that it does not."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from aws.instances import Instance
from settings import Settings, SettingsError, read_settings
from settings.ranges import RangeText
from tests.defaults import DEFAULTS
from training.ranges import Between, Choice
from training.settings import Hyperparameters, Recipe, declared, parse

REGISTRY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
CDK_JSON = Path(__file__).parents[2] / "cdk.json"


def problems(**settings: Any) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        read_settings({**DEFAULTS, **settings})
    return refused.value.problems


def test_every_setting_has_one_default_that_is_taken() -> None:
    """A hyper-parameter's in training/settings.py, every other one's in cdk.json."""
    in_cdk_json, hyperparameters = set(json.loads(CDK_JSON.read_text())["settings"]), set(declared(Recipe))
    assert not in_cdk_json & hyperparameters
    assert in_cdk_json | hyperparameters == set(Settings.model_fields)
    assert read_settings(DEFAULTS).prefix == "slipway-dev"


def test_a_hyperparameter_means_the_same_to_a_deployment_and_to_the_training_program() -> None:
    given = read_settings(DEFAULTS)
    assert parse(given.hyperparameters) == replace(Hyperparameters(), dataset_digest=given.dataset)


def test_values_of_the_command_line_are_text_and_mean_the_same() -> None:
    as_text = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in DEFAULTS.items()}
    assert read_settings(as_text) == read_settings(DEFAULTS)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("app", "Slipway", "lower-case"),
        ("app", "slip-way", "lower-case"),
        ("stage", "averylongstage", "2 to 10"),
        ("tags", "team", "KEY=VALUE, more of them after a comma, such as team=vision,cost-centre=4711; 'team' is"),
        ("tags", "a=b,=c", "'=c' is not"),
        ("tags", "a=b;c=d", "'a=b;c=d' is not"),
        ("tags", f"{'k' * 129}=v", "keys have 1 to 128 characters"),
        ("tags", f"k={'v' * 257}", "values up to 256"),
        ("tags", "Stage=prod", "Stage is taken"),
        ("tags", "aws:x=y", "aws:x is taken"),
        ("tags", "team=a,Team=b", "Team is there twice"),
        ("tags", ",".join(f"k{i}=v" for i in range(41)), "has 41 tags: give at most 40"),
        ("dataset", "abc", "64 hex digits"),
        ("architecture", "resnet51", "such as resnet50, convnext_tiny or vit_b_16 (did you mean resnet"),
        ("architecture", "vit_h_14", "must be a network that can be exported: vit_h_14 has 2.4 GiB of weights"),
        ("image_size", 15, "a whole number from 16 to 600"),
        ("epochs", 0, "a whole number from 1 to 1000"),
        ("epochs", "many", "a whole number from 1 to 1000"),
        ("epochs", 1.5, "a whole number from 1 to 1000"),
        ("ec2_zone_id", "eu-west-1a", "must be the id of an availability zone, such as euw1-az2, or empty"),
        ("epochs", True, "spot, ec2_training, notebook, keep_data only"),
        ("max_unreadable", 1.5, "from 0 to 1"),
        ("spot", "perhaps", "true or false"),
        ("api", "open", "one of none, iam, jwt"),
        ("api_jwt_issuer", "http://login.example.com", "an https:// URL"),
        ("api_jwt_issuer", "https://login.example.com/?a=b", "an https:// URL"),
        ("api_jwt_issuer", "https://user@login.example.com", "an https:// URL"),
        ("api_jwt_audience", "web|", "without spaces"),
        ("api_jwt_audience", "|".join("a" * 51), "up to 50 audiences"),
        ("api_cors_origins", "*", "origins without a path"),
        ("api_cors_origins", "https://*.example.com", "origins without a path"),
        ("api_cors_origins", "https://app.example.com/", "origins without a path"),
        ("api_cors_origins", "http://app.example.com", "origins without a path"),
        ("api_rate", 0, "a whole number from 1 to 10000"),
        ("api_burst", 5001, "a whole number from 1 to 5000"),
        ("learning_rate", 0, "a number above 0 and at most 1"),
        ("learning_rate", "nan", "a number above 0 and at most 1"),
        ("trainable", "some", "one of head, last-stage, all"),
        ("batch_size", 1, "a whole number from 2 to 65536"),
        ("weights", "abc", "64 hex digits that `make weights` prints, or empty"),
        ("augment", "mirror", "one of none, shift, photo, strong"),
        ("class_weights", "balance", "one of none, balanced"),
        ("views", 0, "from 1 to 100"),
        ("precision", "fp16", "one of auto, fp32, bf16, int8"),
        ("export_int8", "always", "one of auto, never"),
        ("seed", -1, "from 0"),
        ("accuracy_floor", 1.01, "from 0 to 1"),
        ("accuracy_floor", 97, "from 0 to 1"),
        ("class_accuracy_floor", 1.01, "from 0 to 1"),
        ("input_mode", "Pipe", "one of File, FastFile"),
        ("image_layout", "tar", "one of auto, files, shards"),
        ("training_instance_type", "m5.large", "ml.m5.large"),
        ("training_instance_type", "ml.c7g.xlarge", "AWS's training image is built for x86-64; take an ml.m5 or ml.c5"),
        ("training_instance_type", "ml.g5g.xlarge", "an Arm instance"),
        ("notebook_instance_type", "ml.m6g.large", "an Arm instance: SageMaker has them for endpoints alone"),
        ("notebook_instance_type", "ml.m5.metal", "SageMaker has no such type for this; take ml.m5.xlarge, ml"),
        ("notebook_instance_type", "ml.m5.large", "SageMaker has no such type for this; take ml.m5.xlarge"),
        ("training_instance_type", "ml.m5.3xlarge", "SageMaker has no such type for this; take ml.m5.large"),
        ("training_instance_type", "ml.m9.xlarge", "SageMaker has no such type for this; take ml.m"),
        ("endpoint_instance_type", "ml.c5.24xlarge", "SageMaker has no such type for this; take ml.c5.large"),
        ("endpoint_instance_type", "ml.g5g.xlarge", "served on the CPU"),
        ("endpoint_instance_type", "ml.t4g.medium", "burstable"),
        ("training_instance_type", "ml.trn1.2xlarge", "Neuron"),
        ("endpoint_instance_type", "ml.dl1.24xlarge", "Gaudi"),
        ("training_instance_type", "ml.p6e-gb200.36xlarge", "AWS's training image is built for x86-64"),
        ("training_instance_count", 0, "from 1 to 20"),
        ("training_max_hours", 12, "from 1 to 11"),
        ("tuning_learning_rate", "0.01", "must be LOW..HIGH, or choices as A|B|C"),
        ("tuning_learning_rate", "0.1..0.01", "must rise"),
        ("tuning_learning_rate", "0.1..2", "'2' is not a number above 0 and at most 1"),
        ("tuning_batch_size", "32|many", "'many' is not a whole number from 2 to 65536"),
        ("tuning_epochs", "0..20", "'0' is not a whole number from 1 to 1000"),
        ("tuning_trainable", "all|head", "head freezes layers"),
        ("tuning_trainable", "head|some", "'some' is not one of head, last-stage, all"),
        ("tuning_max_jobs", 751, "from 0 to 750"),
        ("tuning_max_jobs", 4, "nothing to tune: set one or more of tuning_learning_rate, tuning_batch_size"),
        ("tuning_parallel_jobs", 0, "from 1 to 100"),
        ("tuning_strategy", "Grid", "one of Bayesian, Random"),
        ("tuning_early_stopping", "On", "one of Off, Auto"),
        ("endpoint_instance_type", "ml.t2.medium", "burstable"),
        ("endpoint_instance_type", "ml.t3.large", "burstable"),
        ("endpoint_instance_type", "ml.g5.xlarge", "served on the CPU"),
        ("endpoint_instance_type", "ml.p3.2xlarge", "take an ml.c5, ml.m5 or ml.c7g one"),
        ("serving_image", "classifier", "must be ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY@sha256:DIGEST"),
        ("serving_image", f"ghcr.io/ours/classifier@sha256:{'0' * 64}", "must be ACCOUNT.dkr.ecr.REGION"),
        ("serving_image", f"{REGISTRY}/classifier@sha256:0123", "must be ACCOUNT.dkr.ecr.REGION"),
        ("serving_image", f"{REGISTRY}/classifier", "must be ACCOUNT.dkr.ecr.REGION"),
        ("serving_image", f"{REGISTRY}/classifier:v1", "names a tag, which can be moved to another image"),
        ("endpoint_target_concurrency", 0, "from 0.5 to 48"),
        ("endpoint_shift", "rolling", "one of auto, canary, linear, all-at-once"),
        ("endpoint_shift_percent", 51, "from 10 to 50"),
        ("endpoint_rollback_error_percent", 0, "above 0 to 50"),
        ("alarm_email", "nobody", "an e-mail address, or empty"),
        ("endpoint_scaling_metric", "cpu", "one of concurrency, invocations"),
        ("endpoint_target_invocations", 0, "from 1 to 1000000"),
        ("endpoint_schedule", "8:00=2..6", "must be SCHEDULE=MIN..MAX, more of them after a semicolon"),
        ("endpoint_schedule", "cron(0 8 * * *)=2..6", "5 fields, not 6"),
        ("endpoint_schedule", "rate(1 day)=1..2; cron(61 8 * * ? *)=2..6", "'61' is not a minute"),
        ("endpoint_schedule", "rate(1 day)=6..2", "6..2 in 'rate(1 day)=6..2' must rise"),
        ("endpoint_schedule", "rate(1 day)=0..2", "from 1 or more"),
        ("endpoint_schedule_timezone", "Mars", "not a time zone such as UTC or Europe/Zurich"),
        ("lambda_memory_mb", 64, "from 128 to 10240"),
        ("lambda_timeout", 900, "from 6 to 120"),
        ("max_image_mb", 6, "from 1 to 4"),
        ("lambda_target_utilization", 1, "from 0.1 to 0.9"),
        ("url_hosts", "https://example.com", "host names"),
        ("url_hosts", "localhost", "host names"),
        ("url_hosts", "*.com|*", "host names"),
        ("s3_images", "images", "ends in /"),
        ("s3_images", "s3://bucket/images/", "ends in /"),
        ("log_retention_days", 31, "one of 1, 3, 5"),
        ("keep_data", "perhaps", "true or false"),
        ("container_account", "123", "12 digits, or empty"),
        ("network", "public", "one of none, private"),
        ("vpc_id", "vpc-1", "the id of a VPC"),
        ("subnet_ids", "subnet-0a1b2c3d,subnet-4e5f6071", "ids of up to 16 subnets"),
        ("role_path", "teams/", "a path such as /teams/vision/"),
        ("role_path", "/teams", "a path such as /teams/vision/"),
        ("role_path", "/équipe/", "a path such as /teams/vision/"),
        ("existing_key_arn", "alias/mine", "the ARN of a symmetric KMS key of this account and region, or empty"),
        ("existing_key_arn", "arn:aws:kms:eu-west-1:1:key/a", "the ARN of a symmetric KMS key"),
    ],
)  # fmt: skip
def test_a_bad_value_is_named_with_what_is_allowed_and_where_to_set_it(name: str, value: Any, said: str) -> None:
    (problem,) = problems(**{name: value})
    assert problem.startswith(f"{name} = {value!r}: ")
    assert said in problem
    assert f"-c {name}=…" in problem


def test_what_a_network_cannot_take_is_said_of_each_setting() -> None:
    size, layers = problems(architecture="onnx", image_size=15, trainable="all")
    assert size.startswith("image_size = 15: must be a whole number from 16 to 600")
    assert layers.startswith("trainable = 'all': must be head: the layers of an ONNX backbone cannot be trained")
    (problem,) = problems(architecture="vit_b_16")
    assert problem.startswith("image_size = 128: must be 224, the only size that vit_b_16 takes")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"endpoint_min_instances": 4}, "endpoint_max_instances = 3: must be 4 or more"),
        ({"endpoint_shift": "canary"}, "takes at least two instances at all times: set endpoint_min_instances"),
        (
            {"endpoint_shift": "linear", "endpoint_min_instances": 2, "endpoint_schedule": "rate(1 day)=1..3"},
            "takes at least two instances at all times",
        ),
        ({"lambda_max_provisioned_concurrency": 11}, "lambda_reserved_concurrency = 10: must be 11 or more"),
        ({"lambda_provisioned_concurrency": 5}, "lambda_max_provisioned_concurrency = 4: must be 5 or more"),
        ({"spot": True, "training_max_hours": 7}, "spot_max_wait_hours = 6: must be 7 or more"),
        (
            {"batch_size": 3, "training_instance_count": 4},
            "training_instance_count = 4: must be 3 or less, the value of batch_size",
        ),
        (
            {"trainable": "head", "augment": "strong", "weights": "0" * 64},
            "augment = 'strong': trainable=head sees an image's features, which cannot be mixed: set augment=photo",
        ),
        (
            {"tuning_trainable": "head|all", "augment": "strong", "weights": "0" * 64},
            "tuning_trainable = 'head|all': trainable=head sees an image's features, which cannot be mixed",
        ),
        ({"trainable": "head"}, "weights = '': head freezes layers, which takes pretrained weights"),
        ({"trainable": "last-stage"}, "weights = '': last-stage freezes layers, which takes pretrained weights"),
        (
            {"tuning_batch_size": "3..64", "training_instance_count": 4},
            "tuning_batch_size = '3..64': must be 4 or more",
        ),
        ({"tuning_batch_size": "64|3", "training_instance_count": 4}, "tuning_batch_size = '64|3': must be 4 or more"),
        ({"tuning_max_jobs": 1, "tuning_epochs": "5..9"}, "tuning_parallel_jobs = 2: must be 1 or less"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings: dict[str, Any], said: str) -> None:
    (problem,) = problems(**settings)
    assert said in problem


def test_names_of_tuning_jobs_are_short_and_other_prefixes_need_not_be() -> None:
    tuned = {"tuning_max_jobs": 4, "tuning_epochs": "5..9", "stage": "dev"}
    assert problems(**tuned, app="slipwayslipway") == [
        "tuning_max_jobs = 4: slipwayslipway-dev is too long for the names of tuning jobs: app and stage may have 15 "
        "characters together (set it in stages/dev.json or with -c tuning_max_jobs=…)"
    ]
    assert len(f"{read_settings({**DEFAULTS, **tuned, 'app': 'slipwayslipw'}).prefix}-0123456789ab-99") == 32
    assert read_settings({**DEFAULTS, "app": "slipwayslipway"}).prefix == "slipwayslipway-dev"


def test_ranges_count_only_while_tuning_is_on() -> None:
    ranges = {"tuning_epochs": "5..9", "tuning_trainable": "head|all", "weights": "0" * 64}
    assert read_settings({**DEFAULTS, **ranges}).ranges == {}
    assert read_settings({**DEFAULTS, **ranges, "tuning_max_jobs": 2}).ranges == {
        "epochs": Between(5, 9),
        "trainable": Choice(("head", "all")),
    }


def test_a_range_that_is_declared_is_tuned_and_held_to_the_limits_of_its_hyper_parameter() -> None:
    class Wider(Settings, frozen=True):
        tuning_image_size: RangeText = ""

    given = {**read_settings(DEFAULTS).model_dump(), "tuning_max_jobs": 4}
    assert Wider(**given, tuning_image_size="64|128").ranges == {"image-size": Choice(("64", "128"))}
    with pytest.raises(ValidationError, match="'1' is not a whole number from"):
        Wider(**given, tuning_image_size="64|1")


def test_tuning_and_spot_exclude_each_other() -> None:
    (problem,) = problems(tuning_max_jobs=4, tuning_epochs="5..9", spot=True)
    assert problem.startswith("tuning_max_jobs = 4: excludes spot: the tuning job's trainings would share")


def test_without_spot_its_wait_binds_nothing() -> None:
    assert read_settings({**DEFAULTS, "training_max_hours": 11}).training_max_hours == 11


def test_nothing_reserved_leaves_provisioned_concurrency_free() -> None:
    chosen = {"lambda_provisioned_concurrency": 50, "lambda_max_provisioned_concurrency": 60}
    settings = read_settings({**DEFAULTS, "lambda_reserved_concurrency": 0, **chosen})
    assert settings.lambda_provisioned_concurrency == 50


def test_nothing_provisioned_leaves_reserved_concurrency_free() -> None:
    settings = read_settings({**DEFAULTS, "lambda_reserved_concurrency": 2, "lambda_provisioned_concurrency": 0})
    assert settings.lambda_reserved_concurrency == 2


@pytest.mark.parametrize("hosts", ["", "*", "img.example.com", "*.example.org|a.b-c.de"])
def test_hosts_are_names_or_all_under_a_name(hosts: str) -> None:
    assert read_settings({**DEFAULTS, "url_hosts": hosts}).url_hosts == hosts


def test_all_mistakes_are_told_at_once() -> None:
    assert len(problems(epochs=0, stage="x!", endpoint_max_instances=0, epoch=3)) == 4


@pytest.mark.parametrize(
    ("name", "properties"),
    [
        ("ml.m5.large", set()),
        ("ml.c6i.32xlarge", set()),
        ("ml.m5d.xlarge", {"local_disk"}),
        ("ml.t3.medium", {"burstable"}),
        ("ml.c7g.xlarge", {"arm"}),
        ("ml.m8g.medium", {"arm"}),
        ("ml.r7gd.large", {"arm", "local_disk"}),
        ("ml.c6gn.large", {"arm"}),
        ("ml.g4dn.xlarge", {"gpu", "local_disk"}),
        ("ml.g5.2xlarge", {"gpu", "local_disk"}),
        ("ml.g6e.xlarge", {"gpu", "local_disk"}),
        ("ml.g5g.xlarge", {"gpu", "arm"}),
        ("ml.p3.2xlarge", {"gpu"}),
        ("ml.p4d.24xlarge", {"gpu", "local_disk"}),
    ],
)
def test_an_instances_name_tells_its_hardware(name: str, properties: set[str]) -> None:
    told = asdict(Instance.parse(name))
    assert told.pop("name") == name
    assert {property for property, has in told.items() if has} == properties


def test_tags_are_those_of_every_resource_beside_app_and_stage() -> None:
    """Letters of any script, and signs of "Tag naming limits and requirements", Tagging AWS resources user guide."""
    settings = read_settings({**DEFAULTS, "tags": "team = vision , cost:Zentrum=4711/Ä b=c@x, empty="})
    assert settings.every_tag == {
        "app": "slipway", "stage": "dev", "team": "vision", "cost:Zentrum": "4711/Ä b=c@x", "empty": "",
    }  # fmt: skip
    assert read_settings(DEFAULTS).every_tag == {"app": "slipway", "stage": "dev"}


def test_a_private_network_excludes_what_installs_packages() -> None:
    [problem] = problems(network="private", notebook=True)
    assert "does not reach: set notebook=false (the notebook)" in problem
    [problem] = problems(network="private", ec2_training=True, image_size=64)
    assert "does not reach: set ec2_training=false (the EC2 instance)" in problem


def test_a_vpc_that_is_there_is_for_a_private_network_and_has_subnets() -> None:
    there = {"vpc_id": "vpc-0a1b2c3d", "subnet_ids": "subnet-0a1b2c3d|subnet-4e5f6071"}
    assert read_settings({**DEFAULTS, "network": "private", **there}).subnets == ["subnet-0a1b2c3d", "subnet-4e5f6071"]
    assert any("vpc_id = 'vpc-0a1b2c3d': is for network=private" in each for each in problems(**there))
    for name in there:
        [problem] = problems(network="private", **{name: there[name]})
        assert "set both vpc_id and subnet_ids, or neither" in problem
