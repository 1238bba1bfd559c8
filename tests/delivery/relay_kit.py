"""A world for the relay: virtual time, an outbox in memory that keeps the port's promises, sinks that do as told."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from gateway.domain.delivery import Delivery, Receipt
from gateway.ports import LeaseRequest, Settled

T = TypeVar("T")
START = 1_795_327_200_000_000


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time passes only when everybody waits, and then at once."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        super().__init__(_VirtualSelector(self))

    def time(self) -> float:
        return self.elapsed


class _VirtualSelector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        events = super().select(0)
        if not events and timeout is None:
            raise AssertionError("everybody waits for something that will never happen")
        if not events and timeout:
            self._loop.elapsed += timeout
        return events


def virtually(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run to the end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


class LoopClock:
    """The wall clock of the virtual world, µs; `step` moves it alone."""

    step = 0

    def now(self) -> int:
        return START + self.step + round(asyncio.get_running_loop().time() * 1_000_000)


async def inline(call: Callable[[], T], /) -> T:
    """The desk's thread, without a thread; still a point where others run."""
    await asyncio.sleep(0)
    result = call()
    await asyncio.sleep(0)
    return result


@dataclass
class Row:
    delivery: Delivery
    state: str = "pending"
    next_at: int = 0
    leased_until: int = 0
    owner: str = ""
    level: int = 2
    history: list[Settled] = field(default_factory=list)


class MemoryQueue:
    """`DeliveryQueue`. `masks`: next_due also names what is due but may not be sent (the port allows it)."""

    def __init__(self, *, masks: bool = False) -> None:
        self.rows: list[Row] = []
        self.disabled: dict[str, str] = {}
        self.leases = 0
        self.most_leased = 0
        self._masks = masks

    def add(self, endpoint: str, subject: str, number: int, level: int = 2) -> None:
        made = Delivery(f"{endpoint}-{subject}-{number}", endpoint, "workorder.updated", subject, b"{}", "", 1)
        self.rows.append(Row(made, level=level))

    def exchange(
        self,
        owner: str,
        now: int,
        until: int,
        done: Sequence[tuple[Delivery, Settled]],
        asks: Mapping[str, LeaseRequest],
    ) -> Mapping[str, Sequence[Delivery]]:
        for delivery, settled in done:
            self.settle(delivery, settled, now)
        return {endpoint: self.lease(owner, now, until, ask, endpoint) for endpoint, ask in asks.items()}

    def lease(self, owner: str, now: int, until: int, ask: LeaseRequest, endpoint: str) -> Sequence[Delivery]:
        self.leases += 1
        taken: list[Delivery] = []
        heads = self._heads()
        heads.sort(key=lambda row: self._due(row) if ask.longest else -row.level)
        for row in heads:
            if len(taken) < ask.room and endpoint == row.delivery.endpoint and self._due(row) <= now:
                if endpoint in self.disabled:
                    continue
                row.leased_until, row.owner = until, owner
                taken.append(row.delivery)
        leased = sum(row.state == "pending" and row.leased_until > now for row in self.rows)
        self.most_leased = max(self.most_leased, leased)
        return taken

    def settle(self, delivery: Delivery, result: Settled, now: int) -> None:
        row = next(r for r in self.rows if r.delivery.endpoint == delivery.endpoint and r.delivery.id == delivery.id)
        if row.state != "pending" or not row.leased_until:
            return
        if result.tried:
            row.history.append(result)
        row.leased_until = 0
        if result.state == "retry":
            row.next_at = result.next_at
            row.delivery = replace(row.delivery, attempt=row.delivery.attempt + result.charge)
        else:
            row.state = result.state

    def disable(self, endpoint: str, reason: str, now: int) -> None:
        self.disabled[endpoint] = reason

    def next_due(self, now: int, endpoints: Collection[str]) -> int | None:
        heads = self._heads() if self._masks else [r for r in self._heads() if r.delivery.endpoint not in self.disabled]
        return min((due for row in heads if (due := self._due(row)) > now), default=None)

    def _due(self, row: Row) -> int:
        return max(row.next_at, row.leased_until)

    def _heads(self) -> list[Row]:
        heads: dict[tuple[str, str], Row] = {}
        for row in self.rows:
            if row.state == "pending":
                heads.setdefault((row.delivery.endpoint, row.delivery.subject), row)
        return list(heads.values())

    def states(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for row in self.rows:
            found[row.state] = found.get(row.state, 0) + 1
        return found


class TestSink:
    """Does what `behave` says with each delivery and remembers all of them. `busy`: subjects being sent right now."""

    __test__ = False

    def __init__(self, name: str, behave: Callable[[Delivery], Awaitable[None]] | None = None) -> None:
        self.name = name
        self.behave = behave
        self.sent: list[tuple[float, Delivery]] = []
        self.taken: list[str] = []
        self.busy: set[str] = set()
        self.most_busy = 0

    async def check(self) -> None:
        """Nothing to check."""

    async def deliver(self, delivery: Delivery) -> Receipt:
        assert delivery.subject not in self.busy, "two of one subject at once"
        self.busy.add(delivery.subject)
        self.most_busy = max(self.most_busy, len(self.busy))
        self.sent.append((asyncio.get_running_loop().time(), delivery))
        try:
            if self.behave is not None:
                await self.behave(delivery)
        finally:
            self.busy.discard(delivery.subject)
        self.taken.append(delivery.id)
        return Receipt(200)


async def until(condition: Callable[[], bool], seconds: float = 7 * 86400) -> float:
    """Wait in virtual time until something is true; the time then."""
    loop = asyncio.get_running_loop()
    limit = loop.time() + seconds
    while not condition():
        assert loop.time() < limit, "it did not happen in time"
        await asyncio.sleep(max(0.01, seconds / 3000))
    return loop.time()


async def stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
