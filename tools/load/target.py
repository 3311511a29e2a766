"""Target values for target-tracking scaling, derived from the rate that one instance sustains.

Source: "Load testing your auto scaling configuration" (SageMaker developer guide), which multiplies the highest rate
by a safety factor, to start from 0.5, and by 60 for invocations a minute.
"""

from dataclasses import dataclass

from settings.endpoint import MAX_CONCURRENCY

SAFETY = 0.5


@dataclass(frozen=True)
class TrackingTarget:
    """Target values per instance: `invocations` in requests a minute, `concurrency` in requests in flight."""

    invocations: float
    concurrency: float

    @property
    def settings(self) -> dict[str, str]:
        """Values for `make deploy SETTINGS=…`, by metric."""
        return {
            "concurrency": f"endpoint_scaling_metric=concurrency endpoint_target_concurrency={self.concurrency:g}",
            "invocations": f"endpoint_scaling_metric=invocations endpoint_target_invocations={self.invocations:g}",
        }


def target(rate: float, latency: float) -> TrackingTarget:
    """Targets for an instance that sustains `rate` requests a second with a mean `latency` in seconds.

    By Little's law, rate × latency requests are in flight. Both targets are held within the limits of their settings:
    at least one invocation and half a request in flight, at most the concurrency that target tracking can reach.
    """
    concurrency = min(max(0.5, round(rate * latency * SAFETY, 2)), MAX_CONCURRENCY)
    return TrackingTarget(max(1, round(rate * SAFETY * 60, 1)), concurrency)
