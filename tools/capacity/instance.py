"""Queue model of one endpoint instance."""

from dataclasses import dataclass

from serving.protocol import MAX_IN_FLIGHT

SAGEMAKER_SECONDS = 60.0  # timeout of a SageMaker invocation


@dataclass(frozen=True)
class InstanceQueue:
    """First-come-first-served queue with `servers` parallel servers and a fixed service time.

    Attributes:
        rate: maximum number of requests answered a second.
        servers: number of requests in service at the same time.
        overhead: seconds of a request's latency that occupy no server.
        queue: maximum number of waiting requests; further ones are dropped.
    """

    rate: float
    servers: int
    overhead: float
    queue: float

    @classmethod
    def measured(cls, rate: float, latency: float, queue: float | None = None) -> "InstanceQueue":
        """Model of an instance with a maximum of `rate` requests a second and `latency` seconds for a single request.

        By default the queue is bounded by the server's limit, MAX_IN_FLIGHT requests in flight, and by the number of
        requests that the instance answers within SageMaker's invocation timeout.
        """
        servers = max(1, round(rate * latency))
        overhead = max(0.0, latency - servers / rate)
        if queue is None:
            queue = min(max(0, MAX_IN_FLIGHT - servers), SAGEMAKER_SECONDS * rate)
        return cls(rate, servers, overhead, queue)

    @property
    def busy(self) -> float:
        """Seconds for which a request occupies a server."""
        return self.servers / self.rate

    @property
    def latency(self) -> float:
        """Latency in seconds of a request that does not wait."""
        return self.busy + self.overhead

    def in_flight(self, utilization: float) -> float:
        """Average number of requests in flight under Poisson arrivals at a `utilization` below 1.

        The waiting requests are those of a single server with the whole rate (Pollaczek–Khinchine formula).
        """
        return utilization * self.rate * self.latency + utilization**2 / (2 * (1 - utilization))
