"""CloudTrail's event history: calls that services made in this account. It has them some minutes later."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tools.deploy.inventory import pages
from tools.prove.row import Answer
from tools.prove.system import ProvedSystem

_MINUTES = 20
Of = Callable[[dict[str, Any]], bool]


def calls(system: ProvedSystem, event: str, since: float, of: Of, *, said: str) -> Answer:
    """Answer that there were such calls and none was denied, with what `said`, a key of the events, has of them."""

    def look() -> list[dict[str, Any]]:
        by_name = [{"AttributeKey": "EventName", "AttributeValue": event}]
        start = datetime.fromtimestamp(since, UTC)
        found = pages("cloudtrail", "lookup_events", "Events", LookupAttributes=by_name, StartTime=start)
        return [it for it in (json.loads(each["CloudTrailEvent"]) for each in found) if of(it)]

    events = system.until(look, minutes=_MINUTES)
    denied = [it for it in events if "errorCode" in it]
    shown = [json.dumps({key: it.get(key) for key in ("userIdentity", said, "errorCode")}) for it in denied + events]
    good = bool(events) and not denied
    return Answer(
        f"{len(events)} calls, {len(denied)} denied", good, "\n".join(shown[:3]) or f"no {event} in CloudTrail"
    )


def assumed(system: ProvedSystem, role: str, since: float) -> Answer:
    """Answer for AssumeRole of `role` by SageMaker."""
    return calls(
        system, "AssumeRole", since,
        lambda event: event["userIdentity"].get("invokedBy") == "sagemaker.amazonaws.com"
        and str((event.get("requestParameters") or {}).get("roleArn")).endswith(f":role/{role}"),
        said="requestParameters",
    )  # fmt: skip
