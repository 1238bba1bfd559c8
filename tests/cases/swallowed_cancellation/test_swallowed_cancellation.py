"""A stop that came together with a wake-up never ended: `asyncio.wait_for` of Python 3.11 returns the result of the
inner wait and forgets that its task was cancelled. Ticker and relay then went on, and SIGTERM ran into its 10 s."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from gateway.delivery import DeliveryConfig, Relay
from gateway.domain.delivery import Delivery
from gateway.intake.ticker import Cadence, Ticker


class StandingClock:
    def now(self) -> int:
        return 1_700_000_000_000_000


class NothingDue:
    """A delivery queue without deliveries."""

    def lease(self, *_: object) -> Sequence[Delivery]:
        return ()

    def next_due(self, now: int) -> int | None:
        return None


class QuietIntake:
    """What the ticker needs while no tick is due."""

    clock = StandingClock()
    steady = clock.now


async def at_once(call: Callable[[], Any]) -> Any:
    return call()


async def ends_when_cancelled(run: Callable[[], Awaitable[None]], wake: Callable[[], None], steps: int) -> None:
    task = asyncio.ensure_future(run())
    for _ in range(20):
        await asyncio.sleep(0)
    wake()
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=2)
    assert done, f"still running after a cancel {steps} steps behind a wake-up"
    assert task.cancelled()


@pytest.mark.parametrize("steps", range(6))
async def test_ticker(steps: int) -> None:
    ticker = Ticker.__new__(Ticker)
    ticker._intake = QuietIntake()  # type: ignore[assignment]
    ticker._cadence = Cadence(10**12, 50_000)
    ticker._cadence.ticked(QuietIntake.clock.now(), QuietIntake.clock.now())
    ticker._sooner = asyncio.Event()
    await ends_when_cancelled(ticker.run, lambda: ticker._sooner.set(), steps)


@pytest.mark.parametrize("steps", range(6))
async def test_relay(steps: int) -> None:
    relay = Relay(NothingDue(), {}, StandingClock(), at_once, DeliveryConfig())  # type: ignore[arg-type]
    await ends_when_cancelled(relay.run, relay.notify, steps)
