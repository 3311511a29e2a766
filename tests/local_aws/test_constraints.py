"""Constraints of AWS's service models, in the services' words (issues named in local_aws/constraints.py)."""

from typing import Any

import pytest

from local_aws.constraints import WrongType, message, violations
from local_aws.service import service_model


def found(shape: str, value: Any, service: str = "sagemaker") -> list[str]:
    return [str(each) for each in violations(value, service_model(service).shape_for(shape), "it")]


@pytest.mark.parametrize(
    "name",
    ["../../victim", "slipway-x/../../../../victim", "ü", "a/b", "a_b", "-a", "a-", "", "a\n", "١", "a" * 300],
)
def test_a_name_that_is_no_name_of_a_job_is_none(name: str) -> None:
    assert found("TrainingJobName", name)


def test_the_words_are_sagemaker_s() -> None:
    shape = service_model("sagemaker").operation_model("DescribeTrainingJob").input_shape
    assert message(list(violations({"TrainingJobName": "a_b"}, shape))) == (
        "1 validation error detected: Value 'a_b' at 'trainingJobName' failed to satisfy constraint: Member must "
        "satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
    )
    two = message(list(violations({"TrainingJobName": "_" * 64}, shape)))
    assert two.startswith("2 validation errors detected: Value '___")
    assert (
        "at 'trainingJobName' failed to satisfy constraint: Member must have length less than or equal to 63; " in two
    )


@pytest.mark.parametrize(
    ("shape", "value", "constraint"),
    [
        ("TrainingInstanceType", "ml.nothing", "Member must satisfy enum value set: [ml."),
        ("TagValue", "a" * 257, "Member must have length less than or equal to 256"),
        ("MaxRuntimeInSeconds", 0, "Member must have value greater than or equal to 1"),
        ("RoleArn", "arn:aws:iam::1:role", "Member must have length greater than or equal to 20"),
        ("RoleArn", "arn:aws:s3:::bucket-that-is-long", "Member must satisfy regular expression pattern"),
        (
            "TagList",
            [{"Key": "k"}],
            "Value null at 'it.1.member.value' failed to satisfy constraint: Member must not be ",
        ),
        ("TagList", [{"Key": "?", "Value": ""}], "Value '?' at 'it.1.member.key' failed to satisfy constraint"),
        ("HyperParameters", {"a": "b" * 2501}, "at 'it.a.value' failed to satisfy constraint: Member must have"),
    ],
)
def test_each_constraint_has_its_words(shape: str, value: Any, constraint: str) -> None:
    assert any(constraint in each for each in found(shape, value))


@pytest.mark.parametrize(
    ("service", "shape", "value"),
    [
        ("sagemaker", "TagValue", "Größe 1/2 = ٣"),  # of \p{L}, \p{N} and \p{Z} in Unicode
        ("application-autoscaling", "ResourceId", "endpoint/é/variant/\U0001f600"),  # the pattern has surrogates
        ("application-autoscaling", "PolicyName", "requests per instance"),
        ("sagemaker-runtime", "CustomAttributesHeader", "k=v"),
    ],
)
def test_java_s_classes_are_read_as_java_reads_them(service: str, shape: str, value: str) -> None:
    assert found(shape, value, service) == []


def test_every_pattern_of_the_models_in_use_compiles() -> None:
    for service in ("application-autoscaling", "ecr", "sagemaker", "sagemaker-runtime", "service-quotas"):
        for name in service_model(service).shape_names:
            shape = service_model(service).shape_for(name)
            if shape.type_name == "string":
                list(violations("x", shape))


def test_a_sensitive_value_is_not_repeated() -> None:
    [line, *_] = found("ClientSecret", "hidden" * 500)
    assert line.startswith("Value at 'it' failed")


@pytest.mark.parametrize("value", [5, None, ["a"], True])
def test_a_value_of_another_type_is_named(value: Any) -> None:
    with pytest.raises(WrongType, match="it must be of type string"):
        found("TrainingJobName", value)
