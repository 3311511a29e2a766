"""What local_aws takes from MiniStack's inside, at the pinned version: a new version that moves it fails here."""

import importlib
import importlib.metadata
import inspect

import pytest


def test_the_version_is_the_one_the_hooks_were_written_for() -> None:
    assert importlib.metadata.version("ministack") == "1.5.33"


@pytest.mark.parametrize(
    ("module", "name", "kind"),
    [
        ("ministack.app", "SERVICE_HANDLERS", dict),
        ("ministack.app", "_loaded_modules", dict),
        ("ministack.core.router", "SERVICE_PATTERNS", dict),
        ("ministack.core.iam_actions", "SERVICE_TO_IAM_NAMESPACE", dict),
        ("ministack.core.iam_actions", "_BOTOCORE_SERVICE_MAP", dict),
        ("ministack.services.cloudformation.provisioners", "_RESOURCE_HANDLERS", dict),
        ("ministack.services.cloudformation.provisioners", "_REPLACING_PROPERTIES", dict),
    ],
)
def test_a_table_that_is_added_to_is_there(module: str, name: str, kind: type) -> None:
    assert isinstance(getattr(importlib.import_module(module), name), kind)


@pytest.mark.parametrize(
    ("module", "name", "parameters"),
    [
        (
            "ministack.core.iam_actions",
            "extract_resource_arn",
            ["service", "method", "path", "headers", "body", "query_params", "region", "account_id"],
        ),
        ("ministack.core.iam_evaluator", "is_root_access_key", ["access_key_id"]),
        ("ministack.core.iam_evaluator", "_conditions_met", ["conditions", "ctx"]),
        ("ministack.core.iam_evaluator", "_service_principal_matches", ["principal", "service"]),
        ("ministack.services.cloudformation.stacks", "_runs_on_worker_thread", ["resource_type"]),
        ("ministack.services.eventbridge", "_put_events", ["data", "allow_aws_source"]),
        (
            "ministack.services.cloudwatch",
            "record_metric",
            ["namespace", "metric_name", "value", "unit", "dimensions"],
        ),
        ("ministack.services.sts", "register_session", ["access_key", "session"]),
    ],
)
def test_a_function_that_is_called_or_replaced_takes_what_it_took(
    module: str, name: str, parameters: list[str]
) -> None:
    function = getattr(importlib.import_module(module), name)
    assert list(inspect.signature(function).parameters) == parameters


def test_an_action_that_is_looked_up_by_name_is_looked_up_at_each_request() -> None:
    """The replacement of extract_resource_arn works only while the app imports it inside the request."""
    app = inspect.getsource(importlib.import_module("ministack.app")._dispatch_service_request)
    assert "from ministack.core.iam_actions import" in app
