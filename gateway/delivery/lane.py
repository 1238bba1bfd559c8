"""One endpoint as the relay sees it: its sink, its breaker, what is under way, what was counted."""

from dataclasses import dataclass

from gateway.delivery.breaker import Breaker, Policy
from gateway.domain.delivery import Delivery
from gateway.ports import Settled, Sink


@dataclass(frozen=True, slots=True)
class EndpointStats:
    """Counts since start. `breaker` is closed, open or half_open; `last_error` a reason (see `explain`), kept until the
    next success; times are µs since 1970, 0 = never; `latency` µs of the last attempt."""

    delivered: int
    retried: int
    dead: int
    in_flight: int
    breaker: str
    last_error: str
    last_delivered_at: int
    latency: int


class Lane:
    """What one endpoint is doing. Used from the event loop only; `now` is µs of the monotonic clock."""

    def __init__(self, sink: Sink, policy: Policy, concurrency: int) -> None:
        self.sink = sink
        self.breaker = Breaker(policy)
        self.flying: dict[str, Delivery] = {}  # leased to us, not yet settled, by id
        self.hungry = True  # something may be due that we have not asked for
        self._concurrency = concurrency
        self._delivered = self._retried = self._dead = self._last_delivered_at = self._latency = 0
        self._last_error = ""

    def room(self, now: int) -> int:
        """How many deliveries may be leased now."""
        return self.breaker.room(now, max(0, self._concurrency - len(self.flying)))

    def opens_in(self, now: int) -> int | None:
        """µs until a hungry lane with an open breaker may probe; None when the breaker is not what it waits for."""
        until = self.breaker.until(now) if self.hungry else None
        return None if until is None else max(0, until - now)

    def count(self, settled: Settled, at: int) -> None:
        """Note a settlement; `at` µs since 1970. What was never tried counts as nothing."""
        if settled.reason == "paused":
            return
        if settled.latency:
            self._latency = settled.latency
        if settled.state == "delivered":
            self._delivered += 1
            self._last_delivered_at, self._last_error = at, ""
            return
        self._last_error = settled.reason
        if settled.state == "dead":
            self._dead += 1
        else:
            self._retried += 1

    def stats(self, now: int) -> EndpointStats:
        """For health and metrics."""
        return EndpointStats(
            self._delivered,
            self._retried,
            self._dead,
            len(self.flying),
            self.breaker.state(now).value,
            self._last_error,
            self._last_delivered_at,
            self._latency,
        )
