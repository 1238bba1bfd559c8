"""Access of the relay to the delivery queue: one transaction settles ended attempts and leases the next deliveries."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import structlog

from gateway.delivery.endpoint_state import Leased
from gateway.domain.delivery import Delivery
from gateway.domain.errors import StoreError, StoreFull, StoreUnavailable
from gateway.ports import Clock, DeliveryQueue, LeaseRequest, Settled

_T = TypeVar("_T")
_log = structlog.stdlib.get_logger(__name__)

_RETURN_SECONDS = 2.0  # s to give back what was under way at a stop
_WAIT = (0.1, 0.3, 1.0, 3.0)  # s between tries to reach the queue; the last one repeats


class RunBlocking(Protocol):
    """Runs a call in the desk's thread and waits for its result."""

    def __call__(self, call: Callable[[], _T], /) -> Awaitable[_T]: ...


@dataclass(frozen=True, slots=True)
class EndedAttempt:
    """The settlement of a leased delivery, not yet recorded. `disable`: the endpoint is gone."""

    leased: Leased
    settled: Settled
    disable: bool = False


@dataclass(frozen=True, slots=True)
class Leases:
    """`leased` deliveries by endpoint; `cancelled`: the calling task was cancelled while the thread leased."""

    leased: Mapping[str, Sequence[Delivery]]
    cancelled: bool


class QueueExchange:
    """`unrecorded` attempts wait for the next transaction, `endpoints` are served. `next_due`, µs of the wall clock:
    when the next delivery may become due; `failures` of the queue in a row. Used from the event loop."""

    def __init__(
        self, queue: DeliveryQueue, clock: Clock, run_blocking: RunBlocking, owner: str, endpoints: Collection[str]
    ) -> None:
        self.queue, self._clock, self._run_blocking = queue, clock, run_blocking
        self._owner = owner
        self.endpoints = tuple(endpoints)
        self.unrecorded: list[EndedAttempt] = []
        self.next_due: int | None = None
        self.failures = 0

    async def settle_and_lease(self, requests: Mapping[str, LeaseRequest], until: int) -> Leases:
        """Record what ended and lease until `until`; when the queue cannot be reached, keep what ended."""
        ended_attempts, self.unrecorded = self.unrecorded, []
        call = asyncio.ensure_future(
            self._run_blocking(lambda: self._settle_and_lease(ended_attempts, requests, until))
        )
        cancelled = False
        try:
            await asyncio.wait({call})
        except asyncio.CancelledError:  # the thread may have leased already: wait for the result, to give it back
            cancelled = True
            await asyncio.wait({call})
        try:
            leased, self.next_due = call.result()
        except StoreError as error:
            self._queue_failed(error, ended_attempts)
            return Leases({}, cancelled)
        if self.failures:
            _log.info("delivery queue available again", failures=self.failures)
        self.failures = 0
        return Leases(leased, cancelled)

    def _settle_and_lease(
        self, ended_attempts: Sequence[EndedAttempt], requests: Mapping[str, LeaseRequest], until: int
    ) -> tuple[Mapping[str, Sequence[Delivery]], int | None]:
        """In the desk's thread."""
        now = self._clock.now()
        for endpoint, reason in {
            e.leased.delivery.endpoint: e.settled.reason for e in ended_attempts if e.disable
        }.items():
            self.queue.disable(endpoint, reason, now)  # first, so that nothing more is leased for it
        results = [(ended.leased.delivery, ended.settled) for ended in ended_attempts]
        try:
            leased = self.queue.exchange(self._owner, now, until, results, requests)
        except (StoreUnavailable, StoreFull):
            raise
        except StoreError:  # one of them cannot be recorded: not the others' fault
            for delivery, settled in results:
                self._record(delivery, settled, now)
            leased = self.queue.exchange(self._owner, now, until, (), requests)
        if all(len(leased[name]) >= request.room for name, request in requests.items()):  # then there is more now
            return leased, self.next_due
        return leased, self.queue.next_due(now, self.endpoints)

    def _record(self, delivery: Delivery, settled: Settled, now: int) -> None:
        try:
            self.queue.exchange(self._owner, now, now, [(delivery, settled)], {})
        except (StoreUnavailable, StoreFull):
            raise
        except StoreError as error:
            _log.error("attempt not recorded", endpoint=delivery.endpoint, delivery=delivery.id, error=error)

    def _queue_failed(self, error: StoreError, ended_attempts: Sequence[EndedAttempt]) -> None:
        """Keep what ended for as long as its lease lasts; after that the delivery is due again anyway."""
        if self.failures == 0:
            _log.warning("delivery queue unavailable", error=error)
        self.failures += 1
        now = self._clock.now()
        self.unrecorded[:0] = [ended for ended in ended_attempts if ended.leased.until > now]
        for ended in ended_attempts:
            if ended.leased.until <= now and ended.settled.tried:
                delivery = ended.leased.delivery
                _log.error("attempt not recorded", endpoint=delivery.endpoint, delivery=delivery.id, error=error)

    def pause(self) -> float:
        """Seconds until the queue should be tried again; 0 = it works."""
        return _WAIT[min(self.failures, len(_WAIT)) - 1] if self.failures else 0.0

    async def return_leases(self, unfinished: Sequence[EndedAttempt]) -> None:
        """At a stop: record ended attempts and return the leases of the others, within a short time limit."""
        ended_attempts, self.unrecorded = [*self.unrecorded, *unfinished], []
        if not ended_attempts:
            return
        try:
            async with asyncio.timeout(_RETURN_SECONDS):
                await self._run_blocking(lambda: self._settle_and_lease(ended_attempts, {}, 0))
        except (StoreError, TimeoutError):
            _log.warning("deliveries left to their leases", count=len(ended_attempts))
