"""Queue model of one endpoint instance."""

from dataclasses import dataclass

from serving.admission import MAX_IN_FLIGHT, MAX_WAIT


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

        By default the queue is the server's own: it lets a request in while those ahead take up to MAX_WAIT seconds,
        and while fewer than MAX_IN_FLIGHT are in flight.
        """
        servers = max(1, round(rate * latency))
        overhead = max(0.0, latency - servers / rate)
        if queue is None:
            queue = max(0, min(MAX_IN_FLIGHT, int(MAX_WAIT * rate) + 1) - servers)
        return cls(rate, servers, overhead, queue)

    @property
    def busy(self) -> float:
        """Seconds for which a request occupies a server."""
        return self.servers / self.rate

    @property
    def max_in_flight(self) -> float:
        """Maximum number of requests in flight; further ones are dropped."""
        return self.servers + self.queue

    @property
    def latency(self) -> float:
        """Latency in seconds of a request that does not wait."""
        return self.busy + self.overhead

    def in_flight(self, utilization: float) -> float:
        """Average number of requests in flight under Poisson arrivals at a `utilization` below 1.

        The waiting requests are those of a single server with the whole rate (Pollaczek–Khinchine formula).
        """
        return utilization * self.rate * self.latency + utilization**2 / (2 * (1 - utilization))
