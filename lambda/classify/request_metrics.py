"""One line of the log for each request, which CloudWatch makes metrics of: no call, and no right to any, is needed.

Source: "Embedding metrics within logs", CloudWatch user guide. Lambda leaves what is printed as it is, with JSON
logging too ("Log and monitor Python Lambda functions", Lambda developer guide: print is not reformatted).
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NAMESPACE = "Slipway/Classify"
_UNITS = {"ImageBytes": "Bytes", "Requests": "Count", "Failures": "Count"}


class RequestMetrics:
    """What is known of one request; nothing in it is from its image or its address."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._values: dict[str, float] = {"Requests": 1}

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Count the time inside as `<part>Milliseconds`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._values[f"{part}Milliseconds"] = _milliseconds(start)

    def image(self, size: int) -> None:
        self._values["ImageBytes"] = size

    def write(self, *, function: str, request_id: str, source: str, status: int, code: str) -> None:
        """Print the line. `Requests` is counted by `code` as well: "OK", or the error's.

        `Failures` is 1 or 0, so that its average is the share of the calls that we failed.
        """
        failed = status >= 500 and not code.startswith("Url")  # a server that the caller named is the caller's choice
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
    """The metrics of one set of dimensions, by their names in the line."""
    named = [{"Name": name, "Unit": _UNITS.get(name, "Milliseconds")} for name in metrics]
    return {"Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": named}


def _milliseconds(start: float) -> float:
    return round(1000 * (time.perf_counter() - start), 3)
