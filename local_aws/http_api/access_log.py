"""Access log of a stage: one line a request, in the stage's format.

Source of the variables: "Customize HTTP API access logs", API Gateway developer guide. One without a value is `-`.
"""

import re
import time
from datetime import UTC, datetime
from typing import Any

from ministack.services import cloudwatch_logs

_VARIABLE = re.compile(r"\$context\.([A-Za-z.]+)")


def write(stage: dict[str, Any], known: dict[str, Any]) -> None:
    """Write a line about a request to the stage's log group, if it has one. `known` is by the variables' names."""
    wanted = stage.get("accessLogSettings") or {}
    if not wanted.get("destinationArn"):
        return
    values = known | _derived(known)

    def value(match: re.Match[str]) -> str:
        found = values.get(match[1])
        return "-" if found is None else _escaped(str(found))

    line = _VARIABLE.sub(value, wanted["format"])
    group = wanted["destinationArn"].split(":log-group:")[1].removesuffix(":*")
    stream = f"{known['apiId']}-{known['stage'].strip('$')}"
    cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": stream})  # or it is there
    event = {"timestamp": int(time.time() * 1000), "message": line}
    cloudwatch_logs._put_log_events({"logGroupName": group, "logStreamName": stream, "logEvents": [event]})


def _derived(known: dict[str, Any]) -> dict[str, Any]:
    status, _, answer = known["response"]
    return {
        "identity.sourceIp": "127.0.0.1",
        "requestTime": datetime.now(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "status": status,
        "responseLength": len(answer),
        "dataProcessed": len(known["body"]) + len(answer),
    }


def _escaped(text: str) -> str:
    """`text` inside a JSON string."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
