"""Extracts metrics from functions' logs in CloudWatch's embedded metric format.

Source: "Specification: embedded metric format", CloudWatch user guide.
"""

import json
from typing import Any

from ministack.services import cloudwatch, lambda_svc


def install() -> None:
    """Record the metrics in functions' logs. Install before functions.roles, which drops logs a role may not write."""
    original = lambda_svc._emit_lambda_logs

    def emit(func: dict[str, Any], request_id: str, log_text: str, *rest: Any, **named: Any) -> None:
        original(func, request_id, log_text, *rest, **named)
        for line in (log_text or "").splitlines():
            record(line)

    lambda_svc._emit_lambda_logs = emit


def record(line: str) -> None:
    """Record the metrics of one log line; a line in another format has none."""
    try:
        event = json.loads(line)
        directives = event["_aws"]["CloudWatchMetrics"]
    except (ValueError, KeyError, TypeError):
        return
    for directive in directives:
        for names in directive["Dimensions"]:
            dimensions = {name: str(event[name]) for name in names}
            for metric in directive["Metrics"]:
                name, unit = metric["Name"], metric.get("Unit", "None")
                cloudwatch.record_metric(directive["Namespace"], name, event[name], unit, dimensions)
