"""Scaling activities: each change of capacity with its time and cause (DescribeScalingActivities)."""

import uuid
from typing import Any

from local_aws.service import now

_KEPT = 100


class Activities:
    """Activities of one scalable target, as in DescribeScalingActivities, newest first; at most one is in progress."""

    def __init__(self) -> None:
        self.all: list[dict[str, Any]] = []
        self.wanted: int | None = None  # capacity that the activity in progress leads to
        self._in_progress: dict[str, Any] = {}

    def begin(self, place: dict[str, str], quantity: str, cause: str, wanted: int) -> None:
        """Begin an activity that sets `quantity` to `wanted`."""
        self._in_progress, self.wanted = self._add(place, f"{quantity} to {wanted}", cause), wanted

    def end(self, failure: str | None = None) -> None:
        """End the activity in progress, as failed if there is a `failure` message."""
        _end(self._in_progress, failure)
        self.wanted = None

    def note(self, place: dict[str, str], what: str, cause: str, failure: str | None = None) -> None:
        """Add an activity that has ended already."""
        _end(self._add(place, what, cause), failure)

    def _add(self, place: dict[str, str], what: str, cause: str) -> dict[str, Any]:
        activity = {
            "ActivityId": str(uuid.uuid4()),
            **place,
            "Description": f"Setting {what}.",
            "Cause": cause,
            "StartTime": now(),
            "StatusCode": "InProgress",
        }
        self.all = [activity, *self.all[: _KEPT - 1]]
        return activity


def _end(activity: dict[str, Any], failure: str | None) -> None:
    what = activity["Description"].removeprefix("Setting ").rstrip(".")
    activity |= {
        "EndTime": now(),
        "StatusCode": "Failed" if failure else "Successful",
        "StatusMessage": f"Failed to set {what}. Reason: {failure}" if failure else f"Successfully set {what}.",
    }
