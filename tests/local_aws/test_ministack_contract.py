"""MiniStack's internals that local_aws uses are as in the pinned version; a new version that moves them fails here."""

import ast
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
        ("ministack.core.lambda_runtime", "_workers", dict),
        ("ministack.core.iam_actions", "SERVICE_TO_IAM_NAMESPACE", dict),
        ("ministack.core.iam_evaluator", "_ALWAYS_ALLOWED_ACTIONS", frozenset),
        ("ministack.core.iam_actions", "_BOTOCORE_SERVICE_MAP", dict),
        ("ministack.services.cloudformation.provisioners", "_RESOURCE_HANDLERS", dict),
        ("ministack.services.cloudformation.provisioners", "_REPLACING_PROPERTIES", dict),
        ("ministack.services.cloudformation.provisioners", "_S3_BUCKET_CONFIGURATIONS", tuple),
        ("ministack.services.cloudformation", "_ACTION_HANDLERS", dict),
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
        (
            "ministack.core.iam_actions",
            "extract_iam_action",
            ["service", "method", "path", "headers", "body", "query_params"],
        ),
        ("ministack.core.iam_actions", "request_tag_context", ["service", "iam_action", "body", "params"]),
        (
            "ministack.core.iam_actions",
            "s3_additional_checks",
            ["method", "path", "headers", "body", "query_params"],
        ),
        ("ministack.core.iam_actions", "_s3_action", ["method", "path", "query_params"]),
        ("ministack.core.iam_actions", "_s3_source_object", ["headers"]),
        ("ministack.core.iam_actions", "_safe_json_field", ["body", "field"]),
        ("ministack.core.iam_actions", "_match_rest_action", ["service", "method", "path", "query_params"]),
        (
            "ministack.core.iam_actions",
            "identity_denial_message",
            ["action", "principal_arn", "resource", "explicit_deny"],
        ),
        ("ministack.core.iam_evaluator", "is_root_access_key", ["access_key_id"]),
        (
            "ministack.core.iam_evaluator",
            "enforce",
            ["access_key_id", "iam_action", "service", "region", "resource_arn", "service_context"],
        ),
        ("ministack.core.iam_evaluator", "pin_request_caller", ["headers", "query_params"]),
        ("ministack.core.iam_evaluator", "_conditions_met", ["conditions", "ctx"]),
        ("ministack.core.iam_evaluator", "_first_match", ["ctx", "stmts", "effect"]),
        ("ministack.core.iam_evaluator", "_fnmatch_compile", ["pattern", "ignore_case"]),
        ("ministack.core.iam_evaluator", "_resolve_condition_key", ["key", "ctx"]),
        ("ministack.core.lambda_runtime", "execution_credentials", ["config"]),
        ("ministack.core.router", "extract_access_key_id", ["headers", "query_params"]),
        ("ministack.services.cloudwatch_logs", "_compile_filter_pattern", ["raw"]),
        ("ministack.services.cloudwatch_logs", "_filter_log_events", ["data"]),
        ("ministack.core.iam_evaluator", "_service_principal_matches", ["principal", "service"]),
        ("ministack.services.cloudformation.stacks", "_runs_on_worker_thread", ["resource_type"]),
        (
            "ministack.services.cloudformation.stacks",
            "_provision_resource",
            ["resource_type", "logical_id", "props", "stack_name"],
        ),
        (
            "ministack.services.cloudformation.stacks",
            "_update_resource",
            ["resource_type", "physical_id", "old_props", "new_props", "stack_name", "logical_id", "old_attrs"],
        ),
        (
            "ministack.services.cloudformation.stacks",
            "_delete_resource",
            ["resource_type", "physical_id", "props", "stack_name", "logical_id"],
        ),
        (
            "ministack.services.cloudformation.provisioners",
            "_replacing_change",
            ["resource_type", "old_props", "new_props"],
        ),
        ("ministack.services.cloudformation.changesets", "_find_change_set", ["cs_name", "stack_name"]),
        ("ministack.services.cloudformation.handlers", "_resolve_stack", ["stack_name"]),
        ("ministack.services.cloudformation.engine", "_evaluate_conditions", ["template", "params"]),
        (
            "ministack.services.cloudformation.engine",
            "validate_template_support",
            ["template", "conditions", "params"],
        ),
        ("ministack.services.cloudwatch_logs", "_make_group_arn", ["name"]),
        ("ministack.services.kms", "_resolve_key", ["key_id_or_arn"]),
        (
            "ministack.services.lambda_svc",
            "_emit_lambda_logs",
            ["func", "request_id", "log_text", "error", "duration_ms", "log_source"],
        ),
        ("ministack.services.lambda_svc", "execution_credentials", ["config"]),
        ("ministack.services.lambda_svc", "_execute_function_with_config_scope", ["func", "event"]),
        ("ministack.services.lambda_svc", "invoke_async_with_retry", ["func", "event"]),
        ("ministack.services.lambda_svc", "_execution_record_for_config", ["func", "config"]),
        ("ministack.services.lambda_svc", "_put_provisioned_concurrency", ["func_name", "qualifier", "data"]),
        ("ministack.services.lambda_svc", "_delete_provisioned_concurrency", ["func_name", "qualifier"]),
        ("ministack.services.lambda_svc", "_reserved_concurrency", ["func", "config"]),
        ("ministack.services.lambda_svc", "_inflight_key", ["config"]),
        ("ministack.services.lambda_svc", "executions_in_flight", []),
        ("ministack.services.lambda_svc", "_update_alias", ["func_name", "alias_name", "data"]),
        ("ministack.services.lambda_svc", "_get_func_record_for_qualifier", ["name", "qualifier"]),
        (
            "ministack.services.lambda_svc",
            "acquire_worker",
            ["func_name", "config", "code_zip", "qualifier", "max_concurrency"],
        ),
        ("ministack.services.lambda_svc", "reap_idle_workers", ["ttl"]),
        ("ministack.core.lambda_runtime", "ensure_spawned", ["worker"]),
        ("ministack.core.lambda_runtime", "_worker_key", ["func_name", "config", "qualifier"]),
        ("ministack.core.lambda_runtime", "_worker_class_for", ["config"]),
        ("ministack.core.lambda_runtime", "Worker", ["func_name", "config", "code_zip"]),
        (
            "ministack.services.cloudformation.provisioners",
            "_lambda_alias_create",
            ["logical_id", "props", "stack_name"],
        ),
        ("ministack.services.s3", "_object_record_from_version", ["v"]),
        ("ministack.services.s3", "_put_bucket_encryption", ["name", "body"]),
        ("ministack.services.s3", "_resolve_sse_write_headers", ["headers", "bucket_name"]),
        ("ministack.services.s3", "_stored_sse_headers", ["obj"]),
        ("ministack.services.ssm", "resolve_parameter_value", ["name_or_arn", "version", "decrypt"]),
        ("ministack.services.eventbridge", "_put_events", ["data", "allow_aws_source"]),
        ("ministack.services.eventbridge", "_invoke_target", ["target", "event", "rule", "view"]),
        ("ministack.services.eventbridge", "_dispatch_to_lambda", ["arn", "payload"]),
        ("ministack.services.eventbridge", "_dispatch_to_sns", ["arn", "payload"]),
        ("ministack.services.sns", "_topic_by_arn_any_scope", ["topic_arn"]),
        (
            "ministack.services.sns",
            "_deliver_to_lambda",
            ["endpoint", "envelope", "topic_arn", "sub_arn", "msg_id", "raw_message", "message_attributes"],
        ),
        (
            "ministack.app",
            "_enforce_execute_api",
            ["api_id", "stage", "method", "execute_path", "headers", "query_params", "iam_action"],
        ),
        (
            "ministack.services.apigateway",
            "_handle_execute_in_scope",
            [
                *["api_id", "stage", "path", "method", "headers", "body", "query_params"],
                *["owner_account_id", "owner_region", "raw_query_string"],
            ],
        ),
        (
            "ministack.services.apigateway",
            "_validate_jwt_authorizer",
            ["route", "authorizer", "headers", "query_params"],
        ),
        ("ministack.services.apigateway", "_resolve_jwks_url", ["authorizer"]),
        ("ministack.services.apigateway", "_fetch_jwks", ["url"]),
        (
            "ministack.services.apigateway",
            "_extract_token_from_identity_source",
            ["identity_source", "headers", "query_params"],
        ),
        ("ministack.services.apigateway", "_b64url_decode", ["segment"]),
        ("ministack.services.apigateway", "_match_route", ["api_id", "method", "path"]),
        ("ministack.services.apigateway", "_iam_caller_identity_v2", ["headers", "query_params"]),
        ("ministack.services.apigateway", "_extract_lambda_ref_from_integration_uri", ["uri"]),
        ("ministack.services.apigateway", "find_api_scope", ["api_id"]),
        ("ministack.services.apigateway", "run_reentrant", ["fn", "args", "thread_name"]),
        ("ministack.services.cloudwatch_logs", "_create_log_stream", ["data"]),
        ("ministack.services.cloudwatch_logs", "_put_log_events", ["data"]),
        ("ministack.core.tls", "_generated_cert_names", []),
        ("ministack.core.tls", "resolve_tls_material", []),
        ("ministack.core.sigv4", "parse_header_signature", ["headers"]),
        (
            "ministack.core.arn",
            "execute_api_arn",
            ["region", "account_id", "api_id", "stage", "method", "path"],
        ),
        ("ministack.services.s3", "_deliver_event_to_lambda", ["arn", "event_payload", "bucket_region"]),
        ("ministack.core.iam_evaluator", "_resource_policy", ["service", "resource_arn"]),
        (
            "ministack.core.iam_evaluator",
            "evaluate_resource_policy",
            ["doc", "ctx", "service", "named_only", "direct_only"],
        ),
        ("ministack.services.cloudwatch", "_history_entries", []),
        ("ministack.services.cloudwatch", "_ts_iso", ["epoch"]),
        (
            "ministack.services.cloudwatch",
            "record_metric",
            ["namespace", "metric_name", "value", "unit", "dimensions"],
        ),
        ("ministack.services.cloudwatch", "_evaluate_alarm", ["alarm"]),
        (
            "ministack.services.cloudwatch",
            "_store_datum",
            ["namespace", "name", "dims", "ts", "unit", "value", "values", "counts", "stat_values"],
        ),
        ("ministack.services.cloudwatch", "_put_metric_alarm", ["params", "cbor_data", "is_cbor", "is_json"]),
        ("ministack.services.cloudwatch", "_p", ["params", "key", "default"]),
        ("ministack.services.cloudwatch", "_error", ["code", "message", "status", "use_json", "use_cbor"]),
        ("ministack.services.cloudwatch", "_calc_stats", ["points"]),
        ("ministack.services.cloudwatch", "_stat_value", ["stats", "stat_name", "points"]),
        ("ministack.services.cloudwatch", "_dims_key", ["dims"]),
        (
            "ministack.services.cloudwatch",
            "_record_history",
            ["alarm_name", "old_state", "new_state", "reason", "alarm_type", "reason_data"],
        ),
        (
            "ministack.services.cloudwatch",
            "_dispatch_alarm_actions",
            ["alarm", "old_state", "new_state", "reason"],
        ),
        ("ministack.services.cloudwatch", "_evaluate_parent_alarms", ["child", "seen"]),
        ("ministack.services.cloudwatch", "cloudformation_put_metric_alarm", ["alarm"]),
        (
            "ministack.services.cloudwatch",
            "cloudformation_delete_metric_alarm",
            ["name", "refuse_dependents"],
        ),
        ("ministack.services.eventbridge", "_matches_pattern_view", ["pattern_str", "view", "owner"]),
        ("ministack.services.budgets", "_create_budget", ["data"]),
        ("ministack.services.budgets", "_delete_budget", ["data"]),
        ("ministack.core.responses", "request_scope", ["account_id", "region"]),
        ("ministack.services.sts", "register_session", ["access_key", "session"]),
    ],
)
def test_a_function_that_is_called_or_replaced_takes_what_it_took(
    module: str, name: str, parameters: list[str]
) -> None:
    function = getattr(importlib.import_module(module), name)
    assert list(inspect.signature(function).parameters) == parameters


@pytest.mark.parametrize("name", ["_put_metric_alarm", "_put_metric_data", "cloudformation_put_metric_alarm"])
def test_alarms_are_evaluated_through_the_function_that_is_replaced(name: str) -> None:
    cloudwatch = importlib.import_module("ministack.services.cloudwatch")

    assert {"_evaluate_alarm", "_evaluate_all_alarms"} & set(getattr(cloudwatch, name).__code__.co_names)
    assert "_evaluate_alarm" in cloudwatch._evaluate_all_alarms.__code__.co_names
    assert not cloudwatch._alarms and not cloudwatch._metrics


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (
            "_dispatch_service_request",
            [
                "enforce",
                "extract_iam_action",
                "extract_resource_arn",
                "pin_request_caller",
                "request_tag_context",
                "s3_additional_checks",
            ],
        ),
        ("_enforce_data_plane", ["enforce"]),
    ],
)
def test_what_is_replaced_is_looked_up_at_each_request(function: str, names: list[str]) -> None:
    """Replacing these functions works only because the app imports them at each request."""
    source = inspect.getsource(getattr(importlib.import_module("ministack.app"), function))
    imported = {
        alias.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom) for alias in node.names
    }

    assert set(names) <= imported


def test_a_stack_s_tasks_copy_the_context_of_the_operation_that_starts_them() -> None:
    """The stack's role is passed in a context variable."""
    stacks = importlib.import_module("ministack.services.cloudformation.stacks")

    assert "create_task(coro)" in inspect.getsource(stacks._create_stack_task_in_region)
    assert "copy_context()" in inspect.getsource(importlib.import_module("ministack.core.concurrency").run_reentrant)
