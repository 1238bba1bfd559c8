"""The relay: leases what is due, sends it through the sinks, settles it.

Each endpoint has its own concurrency and breaker, so a slow one delays nobody. Only what goes out within a
moment is leased: memory is bounded by endpoints x concurrency, the backlog stays in the queue, and what is urgent
overtakes it there. All that ended since the last transaction is recorded in the next, which also leases: a slow disk
slows one transaction, not each event. The relay sleeps until `notify`, the end of an attempt, or the time the queue or
a breaker names. Delivery is at least once: an attempt whose end was not recorded is repeated, with the same id, when
its lease has expired.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from gateway.delivery.attempt_maker import AttemptMaker
from gateway.delivery.config import DeliveryConfig
from gateway.delivery.endpoint_state import EndpointState, EndpointStats, Leased
from gateway.delivery.endpoint_test import EndpointTestResult, test_endpoint
from gateway.delivery.queue_exchange import EndedAttempt, QueueExchange, RunBlocking
from gateway.domain.delivery import Delivery
from gateway.domain.duration import MS, SECOND
from gateway.ports import Clock, DeliveryQueue, Settled, Sink

_random = secrets.SystemRandom()


class Relay:
    """Sends what the queue holds for these sinks, until cancelled."""

    def __init__(
        self,
        queue: DeliveryQueue,
        sinks: Mapping[str, Sink],
        clock: Clock,
        run_blocking: RunBlocking,
        config: DeliveryConfig,
        *,
        owner: str = "",
        draw: Callable[[], float] = _random.random,
    ) -> None:
        self._clock, self._config = clock, config
        self._endpoints = {name: self._new_endpoint(sink) for name, sink in sinks.items()}
        owner = owner or f"relay-{secrets.token_hex(6)}"
        self._exchange = QueueExchange(queue, clock, run_blocking, owner, self._endpoints)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._changed = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failure: BaseException | None = None
        self._attempts = AttemptMaker(clock, self._monotonic, config, draw)

    def notify(self) -> None:
        """Look for due deliveries: some were queued, enabled or requested again. From any thread."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to wake
                loop.call_soon_threadsafe(self._mark_all_due)

    def use(self, sinks: Mapping[str, Sink]) -> frozenset[asyncio.Task[None]]:
        """Replace the sinks. An endpoint with the same sink continues; one with another sink gets a closed breaker;
        deliveries for a removed endpoint stay in the queue. Returns the attempts under way: when they have ended, no
        former sink is in use. From the event loop."""
        endpoints = {name: self._endpoints.get(name) or self._new_endpoint(sink) for name, sink in sinks.items()}
        for name, endpoint in endpoints.items():
            if endpoint.sink is not sinks[name]:
                endpoint.sink = sinks[name]
                endpoint.breaker.reset()
        for removed in [endpoint for name, endpoint in self._endpoints.items() if name not in endpoints]:
            self._return_untried(removed.waiting)
            removed.waiting.clear()
        self._endpoints = endpoints
        self._exchange.endpoints = tuple(endpoints)
        self._mark_all_due()
        return frozenset(self._tasks)

    def _return_untried(self, untried: Iterable[Leased]) -> None:
        returned = Settled("retry", "", next_at=self._clock.now(), charge=False, tried=False)
        self._exchange.unrecorded += [EndedAttempt(leased, returned) for leased in untried]
        self._changed.set()

    def _new_endpoint(self, sink: Sink) -> EndpointState:
        return EndpointState(sink, self._config.breaker, self._config.concurrency)

    def stats(self) -> Mapping[str, EndpointStats]:
        """Endpoint -> counts and state. From the event loop."""
        now = self._monotonic() if self._loop else 0
        return {name: endpoint.stats(now) for name, endpoint in self._endpoints.items()}

    async def test_endpoint(self, name: str, delivery: Delivery) -> EndpointTestResult:
        """Send `delivery` to the endpoint now, beside the queue. Raises KeyError for an unknown one."""
        return await test_endpoint(self._endpoints[name].sink, delivery, self._config.deadline)

    async def run(self) -> None:
        """Send until cancelled; then attempts under way get `drain` to end. Raises InvariantBroken, and what the
        queue raises besides StoreError."""
        self._loop = asyncio.get_running_loop()
        self._failure, self._exchange.failures, self._stopping = None, 0, False
        self._mark_all_due()
        try:
            while self._failure is None:
                self._changed.clear()
                await self._lease_and_start()
                await self._wait_for_change()
            raise self._failure
        finally:
            await self._drain()

    def _mark_all_due(self) -> None:
        for endpoint in self._endpoints.values():
            endpoint.may_have_due = True
        self._changed.set()

    def _monotonic(self) -> int:
        assert self._loop is not None
        return int(self._loop.time() * SECOND)

    async def _lease_and_start(self) -> None:
        """Record ended attempts and lease deliveries for endpoints with room, in one transaction; start attempts."""
        now = self._monotonic()
        requests = {name: one for name, endpoint in self._endpoints.items() if (one := endpoint.lease_request(now))}
        if not requests and not self._exchange.unrecorded:
            return
        for name in requests:  # before the call: a notify during it must not be lost
            self._endpoints[name].may_have_due = False
        until = self._clock.now() + self._config.lease
        leases = await self._exchange.settle_and_lease(requests, until)
        for name, request in requests.items():
            endpoint, deliveries = self._endpoints.get(name), leases.leased.get(name)
            if endpoint is None:  # its endpoint was taken away meanwhile
                self._return_untried([Leased(delivery, now, until) for delivery in deliveries or ()])
                continue
            endpoint.may_have_due = endpoint.may_have_due or deliveries is None or len(deliveries) >= request.room
            new = [delivery for delivery in deliveries or () if not endpoint.has(delivery.id)]
            endpoint.waiting.extend(Leased(delivery, now, until) for delivery in new)
        if leases.cancelled:
            raise asyncio.CancelledError
        for endpoint in self._endpoints.values():
            self._begin(endpoint)

    def _begin(self, endpoint: EndpointState) -> None:
        """Start attempts while there is room."""
        now = self._monotonic()
        while not self._stopping and (begun := endpoint.begin(now)):
            task = asyncio.create_task(self._attempt(endpoint, *begun))
            self._tasks.add(task)
            task.add_done_callback(self._ended)
        if returned := endpoint.take_stale(now):
            pause = (endpoint.breaker.until(now) or now) - now
            settled = Settled(
                "retry", "paused" if pause else "", next_at=self._clock.now() + pause, charge=False, tried=False
            )
            self._exchange.unrecorded += [EndedAttempt(leased, settled) for leased in returned]
            self._changed.set()

    async def _wait_for_change(self) -> None:
        """Until something may have changed. Steps of the wall clock cost at most `poll`."""
        if pause := self._exchange.pause():  # whatever ends meanwhile must not hurry the next try
            await asyncio.sleep(pause)
            return
        waits, due, now = [self._config.poll], self._exchange.next_due, self._monotonic()
        if due is not None:
            waits.append(due - self._clock.now())
        waits += [left for endpoint in self._endpoints.values() if (left := endpoint.opens_in(now)) is not None]
        try:
            # 1 ms at least: rounding must not make this a busy loop.
            async with asyncio.timeout(max(min(waits), MS) / SECOND):
                await self._changed.wait()
        except TimeoutError:
            if due is not None and due <= self._clock.now():
                self._exchange.next_due = None  # whoever has room asks now, the others when they have
            self._mark_all_due()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = self._failure or error
        self._changed.set()

    async def _attempt(self, endpoint: EndpointState, leased: Leased, permit: int) -> None:
        ended = await self._attempts.make(endpoint, leased, permit)
        self._exchange.unrecorded.append(ended)
        del endpoint.in_flight[leased.delivery.id]
        endpoint.may_have_due = True  # the next one of this subject may be due
        endpoint.count(ended.settled, self._clock.now())
        self._begin(endpoint)

    async def _drain(self) -> None:
        """Wait for attempts to end, then cancel the rest and return them, to be sent at the next start."""
        self._stopping = True
        loop = asyncio.get_running_loop()
        until = loop.time() + self._config.drain / SECOND
        try:
            while self._tasks and (left := until - loop.time()) > 0:
                await asyncio.wait(self._tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                await self._exchange.return_leases(())
        finally:  # whoever cancels twice does not want to wait
            late = list(self._tasks)
            for task in late:
                task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        stopped = Settled("retry", "stopped", next_at=self._clock.now(), charge=False)
        untried = replace(stopped, reason="", tried=False)
        unfinished = []
        for endpoint in self._endpoints.values():
            unfinished += [EndedAttempt(leased, stopped) for leased in endpoint.in_flight.values()]
            unfinished += [EndedAttempt(leased, untried) for leased in endpoint.waiting]
            endpoint.waiting.clear()
            endpoint.in_flight.clear()
        await self._exchange.return_leases(unfinished)
