"""State of one endpoint in the relay: its sink, its breaker, leased deliveries, counts."""

from collections import deque
from dataclasses import dataclass

from gateway.delivery.breaker import Breaker, BreakerPolicy, BreakerState
from gateway.domain.delivery import Delivery
from gateway.domain.duration import MS, SECOND
from gateway.ports import LeaseRequest, Settled, Sink

_SOON = 250 * MS
"""µs within which leased deliveries are sent: an urgent event may be delayed by so much."""
_AHEAD = 12
"""Most deliveries leased ahead per attempt under way: with a disk that takes a quarter of a second for a
transaction, hundreds per second can still be sent."""
_STALE = 5 * SECOND
"""Deliveries that waited longer are returned to the queue, as the endpoint became slow: the most urgent are then
chosen anew."""


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


@dataclass(frozen=True, slots=True)
class Leased:
    """A delivery that is ours from `at` (µs, monotonic) until `until` (µs, wall clock)."""

    delivery: Delivery
    at: int
    until: int


class EndpointState:
    """Leased deliveries and counts of one endpoint. Used from the event loop only; `now` is µs, monotonic."""

    def __init__(self, sink: Sink, policy: BreakerPolicy, concurrency: int) -> None:
        self.sink = sink
        self.breaker = Breaker(policy)
        self.in_flight: dict[str, Leased] = {}  # being sent, by id
        self.waiting: deque[Leased] = deque()  # leased, not begun
        self.may_have_due = True  # the queue may hold due deliveries
        self._concurrency = concurrency
        self._pace = 0.0  # µs of a successful attempt, a moving average; 0 = none yet
        self._delivered = self._retried = self._dead = self._last_delivered_at = self._latency = 0
        self._last_error = ""

    def lease_request(self, now: int) -> LeaseRequest | None:
        """Request for deliveries to lease now; None when there is no room or nothing can be due."""
        if not self.may_have_due:
            return None
        most = self._concurrency - len(self.in_flight)
        probe = self.breaker.state(now) is BreakerState.HALF_OPEN
        if not probe and self._pace:
            most += min(_AHEAD * self._concurrency, int(self._concurrency * _SOON / self._pace))
        room = self.breaker.allowed(now, max(0, most - len(self.waiting)))
        return LeaseRequest(room, longest=probe) if room else None

    def has(self, delivery: str) -> bool:
        """True when this delivery id is in flight or waiting: a step of the wall clock may end its lease early."""
        return delivery in self.in_flight or any(leased.delivery.id == delivery for leased in self.waiting)

    def begin(self, now: int) -> tuple[Leased, int] | None:
        """The next delivery to send and the breaker's permit; None when there is none, or no room, or no permit."""
        if not self.waiting or len(self.in_flight) >= self._concurrency or (permit := self.breaker.admit(now)) is None:
            return None
        leased = self.waiting.popleft()
        self.in_flight[leased.delivery.id] = leased
        return leased, permit

    def take_stale(self, now: int) -> list[Leased]:
        """Remove and return waiting deliveries when the breaker is open or the first is older than _STALE."""
        if not self.waiting or (self.breaker.allowed(now, 1) and now - self.waiting[0].at < _STALE):
            return []
        stale = list(self.waiting)
        self.waiting.clear()
        self.may_have_due = True
        return stale

    def opens_in(self, now: int) -> int | None:
        """µs until an endpoint with due deliveries and an open breaker may send a probe, 0 = it may now; None when the
        breaker is not what holds it back."""
        if not self.may_have_due or self.breaker.state(now) is BreakerState.CLOSED:
            return None
        until = self.breaker.until(now)
        if until is None:
            return 0 if self.breaker.allowed(now, 1) else None
        return max(0, until - now)

    def count(self, settled: Settled, at: int) -> None:
        """Count an ended attempt; `at` µs since 1970."""
        if settled.latency:
            self._latency = settled.latency
        if settled.state == "delivered":
            self._delivered += 1
            self._last_delivered_at, self._last_error = at, ""
            self._pace += (settled.latency - self._pace) / (8 if self._pace else 1)
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
            len(self.in_flight),
            self.breaker.state(now).value,
            self._last_error,
            self._last_delivered_at,
            self._latency,
        )
