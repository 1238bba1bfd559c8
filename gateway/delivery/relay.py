"""The relay: leases what is due, sends it through the sinks, settles it.

Each endpoint is a lane with its own concurrency and breaker, so a slow one delays nobody. Only what goes out within a
moment is leased: memory is bounded by endpoints x concurrency, the backlog stays in the queue, and what is urgent
overtakes it there. All that ended since the last transaction is recorded in the next, which also leases: a slow disk
slows one transaction, not each event. The relay sleeps until `notify`, the end of an attempt, or the time the queue or
a breaker names. Delivery is at least once: an attempt whose end nobody recorded is repeated, with the same id, when
its lease has expired.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import structlog

from gateway.delivery.attempt_outcome import AttemptOutcome, Result, SinkFault, judge
from gateway.delivery.breaker import BreakerState
from gateway.delivery.config import DeliveryConfig
from gateway.delivery.endpoint_state import EndpointState, EndpointStats, Leased
from gateway.delivery.endpoint_test import Trial, try_once
from gateway.delivery.queue_exchange import Ended, Exchange, RunBlocking
from gateway.delivery.reasons import Reason
from gateway.domain.delivery import Delivery
from gateway.domain.duration import MS, SECOND
from gateway.domain.errors import DeliveryDeferred, DeliveryRefused, InvariantBroken
from gateway.domain.once_per_period import Firsts
from gateway.ports import Clock, DeliveryQueue, Settled, Sink

_log = structlog.stdlib.get_logger(__name__)
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
        self._clock, self._config, self._draw = clock, config, draw
        self._lanes = {name: self._lane(sink) for name, sink in sinks.items()}
        owner = owner or f"relay-{secrets.token_hex(6)}"
        self._exchange = Exchange(queue, clock, run_blocking, owner, self._lanes)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._broken: BaseException | None = None
        self._firsts = Firsts()

    def notify(self) -> None:
        """Something was queued, enabled or asked for again. From any thread."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to wake
                loop.call_soon_threadsafe(self._look)

    def use(self, sinks: Mapping[str, Sink]) -> frozenset[asyncio.Task[None]]:
        """From now on these: a lane whose sink is the same is not disturbed, one with another sink goes on as if its
        endpoint worked; what waits for an endpoint that is gone stays in the queue. Returns the attempts under way:
        when they are over, no sink of before is in use. From the event loop."""
        lanes = {name: self._lanes.get(name) or self._lane(sink) for name, sink in sinks.items()}
        for name, lane in lanes.items():
            if lane.sink is not sinks[name]:
                lane.sink = sinks[name]
                lane.breaker.begin_anew()
        for gone in [lane for name, lane in self._lanes.items() if name not in lanes]:
            self._back(gone.ahead)
            gone.ahead.clear()
        self._lanes = lanes
        self._exchange.endpoints = tuple(lanes)
        self._look()
        return frozenset(self._tasks)

    def _back(self, untried: Iterable[Leased]) -> None:
        back = Settled("retry", "", next_at=self._clock.now(), charge=False, tried=False)
        self._exchange.done += [Ended(leased, back) for leased in untried]
        self._wake.set()

    def _lane(self, sink: Sink) -> EndpointState:
        return EndpointState(sink, self._config.breaker, self._config.concurrency)

    def stats(self) -> Mapping[str, EndpointStats]:
        """Endpoint -> counts and state. From the event loop."""
        now = self._monotonic() if self._loop else 0
        return {name: lane.stats(now) for name, lane in self._lanes.items()}

    async def trial(self, endpoint: str, delivery: Delivery) -> Trial:
        """Send `delivery` to the endpoint now, beside the queue. Raises KeyError for an unknown one."""
        return await try_once(self._lanes[endpoint].sink, delivery, self._config.deadline)

    async def run(self) -> None:
        """Until cancelled; then attempts under way get `drain` to end. Raises what the queue raises besides
        StoreError, and InvariantBroken."""
        self._loop = asyncio.get_running_loop()
        self._broken, self._exchange.failures, self._stopping = None, 0, False
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
        """Record what ended and lease what hungry lanes have room for, in one transaction; start what was leased."""
        now = self._monotonic()
        asks = {name: ask for name, lane in self._lanes.items() if (ask := lane.ask(now))}
        if not asks and not self._exchange.done:
            return
        for name in asks:  # before the call: whoever notifies during it must be heard
            self._lanes[name].hungry = False
        until = self._clock.now() + self._config.lease
        turn = await self._exchange.turn(asks, until)
        for name, ask in asks.items():
            lane, deliveries = self._lanes.get(name), turn.leased.get(name)
            if lane is None:  # its endpoint was taken away meanwhile
                self._back([Leased(delivery, now, until) for delivery in deliveries or ()])
                continue
            lane.hungry = lane.hungry or deliveries is None or len(deliveries) >= ask.room
            fresh = [delivery for delivery in deliveries or () if not lane.holds(delivery.id)]
            lane.ahead.extend(Leased(delivery, now, until) for delivery in fresh)
        if turn.cancelled:
            raise asyncio.CancelledError
        for lane in self._lanes.values():
            self._begin(lane)

    def _begin(self, lane: EndpointState) -> None:
        """Start attempts while there is room."""
        now = self._monotonic()
        while not self._stopping and (begun := lane.begin(now)):
            task = asyncio.create_task(self._attempt(lane, *begun))
            self._tasks.add(task)
            task.add_done_callback(self._ended)
        if back := lane.give_back(now):
            pause = (lane.breaker.until(now) or now) - now
            settled = Settled("retry", "paused" if pause else "", next_at=self._clock.now() + pause,
                              charge=False, tried=False)  # fmt: skip
            self._exchange.done += [Ended(leased, settled) for leased in back]
            self._wake.set()

    async def _sleep(self) -> None:
        """Until something may have changed. Steps of the wall clock cost at most `poll`."""
        if pause := self._exchange.pause():  # whatever ends meanwhile must not hurry the next try
            await asyncio.sleep(pause)
            return
        waits, due, now = [self._config.poll], self._exchange.next_due, self._monotonic()
        if due is not None:
            waits.append(due - self._clock.now())
        waits += [left for lane in self._lanes.values() if (left := lane.opens_in(now)) is not None]
        try:
            # 1 ms at least: rounding must not make this a busy loop.
            async with asyncio.timeout(max(min(waits), MS) / SECOND):
                await self._wake.wait()
        except TimeoutError:
            if due is not None and due <= self._clock.now():
                self._exchange.next_due = None  # whoever has room asks now, the others when they have
            self._look()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken = self._broken or error
        self._wake.set()

    async def _attempt(self, lane: EndpointState, leased: Leased, permit: int) -> None:
        now, delivery = self._monotonic(), leased.delivery
        try:
            result = await self._send(lane.sink, delivery)
        except asyncio.CancelledError:
            lane.breaker.neutral(permit)
            raise
        ended = self._monotonic()
        outcome = judge(result, delivery.attempt, self._clock.now(), ended - now, self._draw(), self._config)
        self._learn(lane, permit, outcome, ended)
        settled = self._spared(lane, outcome, ended)
        self._exchange.done.append(Ended(leased, settled, outcome.disable))
        del lane.flying[delivery.id]
        lane.hungry = True  # the next one of this subject may be due
        lane.count(settled, self._clock.now())
        self._say(lane.sink.name, delivery, settled, disabled=outcome.disable)
        self._begin(lane)

    def _say(self, endpoint: str, delivery: Delivery, settled: Settled, *, disabled: bool) -> None:
        """What was given up always; a success and a failure when they are the first of their kind."""
        reason, kind = Reason(settled.reason), settled.reason.partition(": ")[0]
        about = {"endpoint": endpoint, "delivery": delivery.id, "subject": delivery.subject, "type": delivery.type,
                 "attempt": delivery.attempt}  # fmt: skip
        if settled.state == "dead" or disabled:
            _log.warning("endpoint disabled" if disabled else "dead letter", **about, reason=reason)
        elif settled.state == "retry" and settled.tried and self._firsts.fresh((endpoint, kind), self._monotonic()):
            _log.warning("delivery failed", **about, reason=reason)
        elif settled.state == "delivered" and self._firsts.fresh((endpoint, "delivered"), self._monotonic()):
            _log.info("first delivery", **about)

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
            return SinkFault(type(error).__name__)

    def _learn(self, lane: EndpointState, permit: int, outcome: AttemptOutcome, now: int) -> None:
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
        if before is BreakerState.CLOSED and after is BreakerState.OPEN:  # once, not with every probe that fails
            _log.warning("endpoint paused", endpoint=lane.sink.name, reason=Reason(outcome.settled.reason))
        elif before is BreakerState.HALF_OPEN and after is BreakerState.CLOSED:
            _log.info("endpoint works again", endpoint=lane.sink.name)

    def _spared(self, lane: EndpointState, outcome: AttemptOutcome, now: int) -> Settled:
        """An endpoint that does not work at all costs no message an attempt: it is sent again when the breaker lets
        the next probe through, however long that lasts."""
        until = lane.breaker.until(now)
        if outcome.lesson != "failed" or until is None:
            return outcome.settled
        next_at = self._clock.now() + until - now
        reason = outcome.settled.reason.removeprefix("exhausted: ")
        return replace(outcome.settled, state="retry", reason=reason, next_at=next_at, charge=False)

    async def _drain(self) -> None:
        """Let attempts end, then call the rest off and give it back: the next start sends it at once, the same id."""
        self._stopping = True
        loop = asyncio.get_running_loop()
        until = loop.time() + self._config.drain / SECOND
        try:
            while self._tasks and (left := until - loop.time()) > 0:
                await asyncio.wait(self._tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                await self._exchange.hand_back(())
        finally:  # whoever cancels twice does not want to wait
            late = list(self._tasks)
            for task in late:
                task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        stopped = Settled("retry", "stopped", next_at=self._clock.now(), charge=False)
        never = replace(stopped, reason="", tried=False)
        rest = []
        for lane in self._lanes.values():
            rest += [Ended(leased, stopped) for leased in lane.flying.values()]
            rest += [Ended(leased, never) for leased in lane.ahead]
            lane.ahead.clear()
            lane.flying.clear()
        await self._exchange.hand_back(rest)


def _place(error: BaseException) -> str:
    """`sink.py:41` where it was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
