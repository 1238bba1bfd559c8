"""One endpoint as the relay sees it: its sink, its breaker, what is under way, what was counted."""

from collections import deque
from dataclasses import dataclass

from gateway.delivery.breaker import Breaker, BreakerPolicy, BreakerState
from gateway.domain.delivery import Delivery
from gateway.domain.duration import MS, SECOND
from gateway.ports import Ask, Settled, Sink

_SOON = 250 * MS
"""What is leased ahead of the attempts goes out within about this time: so much later may an urgent event come."""
_AHEAD = 12
"""Leased ahead at most, for each attempt under way: with a disk that takes a quarter of a second for a transaction,
hundreds a second still go out."""
_STALE = 5 * SECOND
"""The endpoint became slow: what waited longer goes back, so that the most urgent is chosen anew."""


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
    """What one endpoint is doing. Used from the event loop only; `now` is µs of the monotonic clock."""

    def __init__(self, sink: Sink, policy: BreakerPolicy, concurrency: int) -> None:
        self.sink = sink
        self.breaker = Breaker(policy)
        self.flying: dict[str, Leased] = {}  # being sent, by id
        self.ahead: deque[Leased] = deque()  # not begun
        self.hungry = True  # something may be due that we have not asked for
        self._concurrency = concurrency
        self._pace = 0.0  # µs of a successful attempt, a moving average; 0 = none yet
        self._delivered = self._retried = self._dead = self._last_delivered_at = self._latency = 0
        self._last_error = ""

    def ask(self, now: int) -> Ask | None:
        """What to lease now, None when there is no room or nothing new can be due."""
        if not self.hungry:
            return None
        most = self._concurrency - len(self.flying)
        probe = self.breaker.state(now) is BreakerState.HALF_OPEN
        if not probe and self._pace:
            most += min(_AHEAD * self._concurrency, int(self._concurrency * _SOON / self._pace))
        room = self.breaker.room(now, max(0, most - len(self.ahead)))
        return Ask(room, longest=probe) if room else None

    def holds(self, delivery: str) -> bool:
        """Is it being sent, or about to be? A step of the wall clock ends leases before their time."""
        return delivery in self.flying or any(leased.delivery.id == delivery for leased in self.ahead)

    def begin(self, now: int) -> tuple[Leased, int] | None:
        """The next to be sent and the breaker's permit; None = not now."""
        if not self.ahead or len(self.flying) >= self._concurrency or (permit := self.breaker.admit(now)) is None:
            return None
        leased = self.ahead.popleft()
        self.flying[leased.delivery.id] = leased
        return leased, permit

    def give_back(self, now: int) -> list[Leased]:
        """What is ahead and should not stay: the breaker is open, or it waits too long."""
        if not self.ahead or (self.breaker.room(now, 1) and now - self.ahead[0].at < _STALE):
            return []
        back = list(self.ahead)
        self.ahead.clear()
        self.hungry = True
        return back

    def opens_in(self, now: int) -> int | None:
        """µs until a hungry lane whose breaker was open may probe, 0 = since a moment ago; None when the breaker is not
        what it waits for."""
        if not self.hungry or self.breaker.state(now) is BreakerState.CLOSED:
            return None
        until = self.breaker.until(now)
        if until is None:
            return 0 if self.breaker.room(now, 1) else None
        return max(0, until - now)

    def count(self, settled: Settled, at: int) -> None:
        """Note how an attempt ended; `at` µs since 1970."""
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
            len(self.flying),
            self.breaker.state(now).value,
            self._last_error,
            self._last_delivered_at,
            self._latency,
        )
