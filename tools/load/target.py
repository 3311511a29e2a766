"""From what one instance bears to the value that target tracking should aim at.

Source: "Load testing your auto scaling configuration" (SageMaker developer guide), which multiplies the highest rate
by a safety factor, to start from 0.5, and by 60 for invocations a minute.
"""

from dataclasses import dataclass

from settings.endpoint import MOST_CONCURRENCY

SAFETY = 0.5


@dataclass(frozen=True)
class Target:
    """`invocations`: requests a minute and instance; `concurrency`: requests in flight an instance."""

    invocations: float
    concurrency: float

    @property
    def settings(self) -> dict[str, str]:
        """As `make deploy SETTINGS=…` takes them, by metric."""
        return {
            "concurrency": f"endpoint_scaling_metric=concurrency endpoint_target_concurrency={self.concurrency:g}",
            "invocations": f"endpoint_scaling_metric=invocations endpoint_target_invocations={self.invocations:g}",
        }


def target(rate: float, latency: float) -> Target:
    """For an instance that sustains `rate` requests a second with a mean `latency` in seconds.

    By Little's law rate × latency requests are then in flight. Neither is under the least that its setting takes, one
    invocation and half a request, nor over the most requests in flight that instances can follow.
    """
    concurrency = min(max(0.5, round(rate * latency * SAFETY, 2)), MOST_CONCURRENCY)
    return Target(max(1, round(rate * SAFETY * 60, 1)), concurrency)
