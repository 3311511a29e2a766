"""One instance of the endpoint, as a queue."""

from dataclasses import dataclass

from serving.protocol import MAX_IN_FLIGHT

SAGEMAKER_SECONDS = 60.0  # an invocation that takes longer fails


@dataclass(frozen=True)
class Instance:
    """`servers` work in parallel, first come first served, for a fixed time a request.

    Attributes:
        rate: requests a second that it answers at most.
        servers: requests that it works on at once.
        overhead: seconds that a request takes besides, without occupying a server.
        queue: requests that may wait; more are dropped.
    """

    rate: float
    servers: int
    overhead: float
    queue: float

    @classmethod
    def measured(cls, rate: float, latency: float, queue: float | None = None) -> "Instance":
        """An instance that answers `rate` requests a second at most, and a single request in `latency` seconds.

        Without a `queue` of its own, it lets in what the server lets in, MAX_IN_FLIGHT requests; and no more may wait
        than are answered before SageMaker gives an invocation up.
        """
        servers = max(1, round(rate * latency))
        overhead = max(0.0, latency - servers / rate)
        if queue is None:
            queue = min(max(0, MAX_IN_FLIGHT - servers), SAGEMAKER_SECONDS * rate)
        return cls(rate, servers, overhead, queue)

    @property
    def busy(self) -> float:
        """Seconds that a request occupies a server."""
        return self.servers / self.rate

    @property
    def latency(self) -> float:
        """Seconds of a request that does not wait."""
        return self.busy + self.overhead

    def in_flight(self, utilization: float) -> float:
        """Requests in flight, on average, when random arrivals keep it busy for that share of the time, under 1.

        The waiting ones as in a queue with one server of the whole rate (Pollaczek and Khinchine).
        """
        return utilization * self.rate * self.latency + utilization**2 / (2 * (1 - utilization))
