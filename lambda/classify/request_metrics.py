"""Metrics of each request, as one log line that CloudWatch turns into metrics: no API call and no permission needed.

Source: "Embedding metrics within logs", CloudWatch user guide. Lambda does not change printed lines, with JSON logging
either ("Log and monitor Python Lambda functions", Lambda developer guide: print is not reformatted).
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NAMESPACE = "Slipway/Classify"
_UNITS = {"ImageBytes": "Bytes", "Requests": "Count", "Failures": "Count"}


class RequestMetrics:
    """Metrics of one request. They contain nothing of its image or its address."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._values: dict[str, float] = {"Requests": 1}

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Record the time spent inside as `<part>Milliseconds`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._values[f"{part}Milliseconds"] = _milliseconds(start)

    def image(self, size: int) -> None:
        """Record the size of the image in bytes."""
        self._values["ImageBytes"] = size

    def write(self, *, function: str, request_id: str, source: str, status: int, code: str) -> None:
        """Print the line. `Requests` is counted by `code` too: "OK", or the error's code.

        `Failures` is 1 or 0, so its average is the share of failed requests.
        """
        # The caller chose the server of a URL, and the operators that the endpoint is off.
        failed = status >= 500 and not code.startswith("Url") and code != "EndpointOff"
        values = {**self._values, "Failures": int(failed), "TotalMilliseconds": _milliseconds(self._start)}
        line = {
            "_aws": {
                "Timestamp": round(time.time() * 1000),
                "CloudWatchMetrics": [
                    _directive(["FunctionName"], list(values)),
                    _directive(["FunctionName", "Code"], ["Requests"]),
                ],
            },
            "FunctionName": function, "Code": code, "Source": source, "Status": status, "RequestId": request_id,
            **values,
        }  # fmt: skip
        print(json.dumps(line), flush=True)


def _directive(dimensions: list[str], metrics: list[str]) -> dict[str, Any]:
    """Metric directive: these members of the line are metrics under these dimensions."""
    named = [{"Name": name, "Unit": _UNITS.get(name, "Milliseconds")} for name in metrics]
    return {"Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": named}


def _milliseconds(start: float) -> float:
    return round(1000 * (time.perf_counter() - start), 3)
