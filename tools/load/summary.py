"""Rates, latencies and errors of a list of calls."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tools.load.engine import TimedCall


@dataclass(frozen=True)
class Summary:
    """Figures of a load test: rates in requests a second, latencies in seconds.

    Attributes:
        offered: rate at which requests were due.
        served: rate of successful answers, from the first request to the last answer.
        p50, p99, mean: latency of all calls; a failed call counts with the time until it failed.
        concurrency: average number of requests in flight (Little's law).
        late: 99th percentile of this program's delay in sending; large when the client is the bottleneck.
        errors: number of failed calls by reason.
    """

    calls: int
    offered: float
    served: float
    p50: float
    p99: float
    mean: float
    concurrency: float
    late: float
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        return sum(self.errors.values())


def summarize(calls: Sequence[TimedCall], seconds: float) -> Summary:
    """Summarize one or more calls that were sent over `seconds`."""
    latency = np.array([call.latency for call in calls])
    errors = Counter(call.error for call in calls if call.error)
    p50, p99 = np.percentile(latency, [50, 99])
    took = max(call.ended for call in calls) - min(call.due for call in calls)
    return Summary(
        calls=len(calls),
        offered=len(calls) / seconds,
        served=(len(calls) - sum(errors.values())) / max(took, 1e-9),
        p50=float(p50),
        p99=float(p99),
        mean=float(latency.mean()),
        concurrency=float(latency.sum()) / max(took, 1e-9),
        late=float(np.percentile([call.sent - call.due for call in calls], 99)),
        errors=errors,
    )
