"""The relay: leases what is due, sends it through the sinks, settles it.

Each endpoint is a lane with its own concurrency and breaker, so a slow one delays nobody. Only what can be sent at
once is leased: memory is bounded by endpoints x concurrency, the backlog stays in the queue. The relay sleeps until
`notify`, the end of an attempt, or the time the queue or a breaker names. Delivery is at least once: an attempt whose
end nobody recorded is repeated, with the same id, when its lease has expired.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar

import structlog

from gateway.delivery.breaker import State
from gateway.delivery.config import DeliveryConfig
from gateway.delivery.lane import EndpointStats, Lane
from gateway.delivery.outcome import Fault, Outcome, Result, judge
from gateway.domain.delivery import Delivery
from gateway.domain.duration import MS, SECOND
from gateway.domain.errors import DeliveryDeferred, DeliveryRefused, InvariantBroken, StoreError
from gateway.ports import Clock, DeliveryQueue, Settled, Sink

_T = TypeVar("_T")
_log = structlog.stdlib.get_logger(__name__)

_RECHECK = 1 * SECOND
"""The queue says something was due that we may not send (blocked, or another process has it): look again then."""
_random = secrets.SystemRandom()
_HANDBACK = 2.0  # s to give back what was under way at a stop
_STORE_WAIT = (0.1, 0.3, 1.0, 3.0)  # s between tries to reach the queue; the last one repeats


class RunBlocking(Protocol):
    """Runs a call in the desk's thread and waits for its result."""

    def __call__(self, call: Callable[[], _T], /) -> Awaitable[_T]: ...


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
        self._queue, self._clock, self._run_blocking, self._config = queue, clock, run_blocking, config
        self._owner = owner or f"relay-{secrets.token_hex(6)}"
        self._draw = draw
        self._lanes = {name: Lane(sink, config.breaker, config.concurrency) for name, sink in sinks.items()}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next_due: int | None = None
        self._broken: BaseException | None = None
        self._store_failures = 0

    def notify(self) -> None:
        """Something was queued, enabled or asked for again. From any thread."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to wake
                loop.call_soon_threadsafe(self._look)

    def stats(self) -> Mapping[str, EndpointStats]:
        """Endpoint -> counts and state. From the event loop."""
        now = self._monotonic() if self._loop else 0
        return {name: lane.stats(now) for name, lane in self._lanes.items()}

    async def run(self) -> None:
        """Until cancelled; then attempts under way get `drain` to end. Raises what the queue raises besides
        StoreError, and InvariantBroken."""
        self._loop = asyncio.get_running_loop()
        self._broken, self._store_failures = None, 0
        self._look()
        try:
            while self._broken is None:
                self._wake.clear()
                await self._round()
                await self._sleep()
            raise self._broken
        finally:
            await self._drain()

    def _look(self) -> None:
        for lane in self._lanes.values():
            lane.hungry = True
        self._wake.set()

    def _monotonic(self) -> int:
        assert self._loop is not None
        return int(self._loop.time() * SECOND)

    async def _round(self) -> None:
        """Lease what hungry lanes have room for, and start it."""
        now = self._monotonic()
        asks = {name: room for name, lane in self._lanes.items() if lane.hungry and (room := lane.room(now))}
        if not asks:
            return
        for name in asks:  # before the call: whoever notifies during it must be heard
            self._lanes[name].hungry = False
        until = self._clock.now() + self._config.lease
        call = asyncio.ensure_future(self._run_blocking(lambda: self._lease(asks, until)))
        stopped = False
        try:
            await asyncio.wait({call})
        except asyncio.CancelledError:  # the thread may have leased already: know what, so that it can be given back
            stopped = True
            await asyncio.wait({call})
        try:
            leased, self._next_due = call.result()
        except StoreError as error:
            self._store_lost(error)
            leased = dict.fromkeys(asks, ())
            full = set(asks)
        else:
            self._store_found()
            full = {name for name, deliveries in leased.items() if len(deliveries) >= asks[name]}
        for name, deliveries in leased.items():
            lane = self._lanes[name]
            lane.hungry = lane.hungry or name in full
            lane.flying.update((delivery.id, delivery) for delivery in deliveries)
        if stopped:
            raise asyncio.CancelledError
        for name, deliveries in leased.items():
            for delivery in deliveries:
                task = asyncio.create_task(self._attempt(self._lanes[name], delivery, until))
                self._tasks.add(task)
                task.add_done_callback(self._ended)

    def _lease(self, asks: Mapping[str, int], until: int) -> tuple[dict[str, Sequence[Delivery]], int | None]:
        """In the desk's thread. One lease per endpoint: the backlog of one must not use up the room of another."""
        now = self._clock.now()
        leased = {name: self._queue.lease(self._owner, now, until, room, [name]) for name, room in asks.items()}
        return leased, self._queue.next_due(now)

    def _store_lost(self, error: StoreError) -> None:
        if self._store_failures == 0:
            _log.warning("delivery queue unavailable", error=str(error))
        self._store_failures += 1

    def _store_found(self) -> None:
        if self._store_failures:
            _log.info("delivery queue available again", failures=self._store_failures)
        self._store_failures = 0

    async def _sleep(self) -> None:
        """Until something may have changed. Steps of the wall clock cost at most `poll`."""
        waits = [self._config.poll]
        if self._store_failures:
            waits.append(round(_STORE_WAIT[min(self._store_failures, len(_STORE_WAIT)) - 1] * SECOND))
        elif self._next_due is not None:
            remaining = self._next_due - self._clock.now()
            waits.append(remaining if remaining > 0 else _RECHECK)
        now = self._monotonic()
        waits += [left for lane in self._lanes.values() if (left := lane.opens_in(now)) is not None]
        try:
            # 1 ms at least: rounding must not make this a busy loop.
            async with asyncio.timeout(max(min(waits), MS) / SECOND):
                await self._wake.wait()
        except TimeoutError:
            self._look()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken = self._broken or error
        self._wake.set()

    async def _attempt(self, lane: Lane, delivery: Delivery, until: int) -> None:
        now = self._monotonic()
        permit = lane.breaker.admit(now)
        if permit is None:  # it opened while this was being leased
            pause = (lane.breaker.until(now) or now + _RECHECK) - now
            later = Settled("retry", "paused", next_at=self._clock.now() + pause, charge=False)
            await self._settle(lane, delivery, Outcome(later, "nothing"), until)
            return
        try:
            result = await self._send(lane.sink, delivery)
        except asyncio.CancelledError:
            lane.breaker.neutral(permit)
            raise
        ended = self._monotonic()
        outcome = judge(result, delivery.attempt, self._clock.now(), ended - now, self._draw(), self._config)
        self._learn(lane, permit, outcome, ended)
        await self._settle(lane, delivery, outcome, until)

    async def _send(self, sink: Sink, delivery: Delivery) -> Result:
        try:
            async with asyncio.timeout(self._config.deadline / SECOND):
                return await sink.deliver(delivery)
        except (DeliveryDeferred, DeliveryRefused) as error:
            return error
        except TimeoutError:
            return DeliveryDeferred("timeout")
        except InvariantBroken:
            raise
        except Exception as error:  # noqa: BLE001 - a fault in one sink must not stop the deliveries of the others
            # The kind and the place only: the message could hold personal data or a secret.
            _log.error("sink failed", endpoint=sink.name, delivery=delivery.id, kind=type(error).__name__,
                       place=_place(error))  # fmt: skip
            return Fault(type(error).__name__)

    def _learn(self, lane: Lane, permit: int, outcome: Outcome, now: int) -> None:
        if not self._config.backoff:
            return
        before = lane.breaker.state(now)
        match outcome.lesson:
            case "worked":
                lane.breaker.succeeded(permit, now)
            case "failed":
                lane.breaker.failed(permit, now)
            case "nothing":
                lane.breaker.neutral(permit)
        if outcome.rest:
            lane.breaker.rest(now, outcome.rest)
        after = lane.breaker.state(now)
        if before is State.CLOSED and after is State.OPEN:  # once, not with every probe that fails
            _log.warning("endpoint paused", endpoint=lane.sink.name, reason=outcome.settled.reason)
        elif before is State.HALF_OPEN and after is State.CLOSED:
            _log.info("endpoint works again", endpoint=lane.sink.name)

    async def _settle(self, lane: Lane, delivery: Delivery, outcome: Outcome, until: int) -> None:
        """Record it, if need be for as long as the lease lasts; after that the delivery is due again anyway."""
        settled, tries = outcome.settled, 0

        def record() -> None:
            now = self._clock.now()
            if outcome.disable:  # first, so that nothing more is leased for it
                self._queue.disable(lane.sink.name, settled.reason, now)
            self._queue.settle(delivery, settled, now)

        while True:
            try:
                await self._run_blocking(record)
                break
            except StoreError as error:
                if self._clock.now() >= until:
                    _log.error("attempt not recorded", endpoint=lane.sink.name, delivery=delivery.id, error=str(error))
                    break
                await asyncio.sleep(_STORE_WAIT[min(tries, len(_STORE_WAIT) - 1)])
                tries += 1
        lane.flying.pop(delivery.id, None)
        lane.hungry = True  # the next one of this subject may be due
        lane.count(settled, self._clock.now())
        if settled.state == "dead" or outcome.disable:
            _log.warning("endpoint disabled" if outcome.disable else "dead letter", endpoint=lane.sink.name,
                         delivery=delivery.id, subject=delivery.subject, type=delivery.type, attempt=delivery.attempt,
                         reason=settled.reason)  # fmt: skip

    async def _drain(self) -> None:
        """Let attempts end, then call the rest off and give it back: the next start sends it at once, the same id."""
        if self._tasks:
            try:
                await asyncio.wait(self._tasks, timeout=self._config.drain / SECOND)
            finally:  # whoever cancels twice does not want to wait
                late = list(self._tasks)
                for task in late:
                    task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        left = [(lane, delivery) for lane in self._lanes.values() for delivery in lane.flying.values()]
        for lane in self._lanes.values():
            lane.flying.clear()
        if not left:
            return
        now = self._clock.now()
        back = Settled("retry", "stopped", next_at=now, charge=False)

        def hand_back() -> None:
            for _, delivery in left:
                self._queue.settle(delivery, back, now)

        try:
            async with asyncio.timeout(_HANDBACK):
                await self._run_blocking(hand_back)
        except (StoreError, TimeoutError):
            _log.warning("deliveries left to their leases", count=len(left))


def _place(error: BaseException) -> str:
    """`sink.py:41` where it was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
