"""What was scaled, when and why (DescribeScalingActivities)."""

import uuid
from typing import Any

from local_aws.service import now

_KEPT = 100


class Activities:
    """Those of one scalable target, in the API's terms, the newest first; at most one is going on."""

    def __init__(self) -> None:
        self.all: list[dict[str, Any]] = []
        self.wanted: int | None = None  # the capacity that the one that is going on will reach
        self._going_on: dict[str, Any] = {}

    def begin(self, place: dict[str, str], quantity: str, cause: str, wanted: int) -> None:
        """`quantity` is set to `wanted`, which takes a while."""
        self._going_on, self.wanted = self._add(place, f"{quantity} to {wanted}", cause), wanted

    def end(self, failure: str | None = None) -> None:
        """What is going on is done, or has failed."""
        _end(self._going_on, failure)
        self.wanted = None

    def note(self, place: dict[str, str], what: str, cause: str, failure: str | None = None) -> None:
        """Something that is done at once."""
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
