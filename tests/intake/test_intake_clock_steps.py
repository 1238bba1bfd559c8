"""Steps of the clock through intake and ticker into a real journal: said once, before whatever comes after them."""

import asyncio
from pathlib import Path

from intake_parts import T0, HandClock, Rig, parcel

from gateway.domain.errors import StoreUnavailable
from gateway.domain.reading import Batch, Flag
from gateway.domain.record import ClockStep, Down, Tick
from gateway.intake import Intake, Ticker
from gateway.intake.config import IntakeConfig

S, HOUR, DAY = 1_000_000, 3_600_000_000, 86_400_000_000


class SteadyRig(Rig):
    """With a second clock, that nobody sets."""

    def __init__(self, folder: Path, **config: str) -> None:
        super().__init__(folder, **config)
        self.steady = HandClock(7 * DAY)
        self.told: list[ClockStep] = []
        self.intake = Intake(
            self.journal,
            self.names,
            self.clock,
            IntakeConfig.model_validate(config),
            steady=self.steady.now,
            on_step=self.told.append,
            partition=0,
        )
        self.ticker = Ticker(self.intake)

    def run(self, us: int) -> None:
        self.clock.at += us
        self.steady.at += us


async def test_a_step_forward_is_said_before_the_readings_that_come_after_it(tmp_path: Path) -> None:
    rig = SteadyRig(tmp_path)
    await rig.ticker.start()
    rig.run(S)
    rig.clock.at += HOUR
    await rig.intake.emit(parcel(1))
    down, step, _, batch = rig.bodies()[1:]
    assert down == Down(T0 + S, T0 + S + HOUR)
    assert step == ClockStep(T0 + S, T0 + S + HOUR)
    assert isinstance(batch, Batch)
    assert rig.told == [step]
    await rig.ticker._tick()
    assert rig.bodies()[-1] == Tick(T0 + S + HOUR)
    assert rig.intake.steps == {"forward": 1, "back": 0, "waits": 0}
    rig.close()


async def test_after_a_step_back_ticks_go_on_at_the_new_time(tmp_path: Path) -> None:
    rig = SteadyRig(tmp_path)
    await rig.ticker.start()
    rig.clock.at -= HOUR
    await rig.ticker._tick()
    rig.run(S)
    await rig.ticker._tick()
    assert rig.bodies()[1:] == [ClockStep(T0, T0 - HOUR), Tick(T0 - HOUR), Tick(T0 - HOUR + S)]
    rig.close()
    rig = SteadyRig(tmp_path)
    rig.clock.at = T0 - HOUR + 60 * S
    await rig.ticker.start()
    assert rig.bodies()[-2:] == [Down(T0 - HOUR + S, T0 - HOUR + 60 * S), Tick(T0 - HOUR + 60 * S)], "as after any stop"
    rig.close()


async def test_a_message_that_came_before_the_step_back_is_not_of_the_future(tmp_path: Path) -> None:
    rig = SteadyRig(tmp_path)
    await rig.ticker.start()
    rig.clock.at -= DAY
    await rig.intake.emit(parcel(1, at=T0))  # received at T0, on its way while the clock was set
    (batch,) = (body for body in rig.bodies() if isinstance(body, Batch))
    assert {reading.at for reading in batch.readings()} == {T0 - DAY}
    assert all(reading.flags & Flag.CLAMPED and reading.received == T0 - DAY for reading in batch.readings())
    rig.close()


async def test_a_step_that_the_journal_refuses_is_said_later(tmp_path: Path) -> None:
    rig = SteadyRig(tmp_path, full_wait="0s")
    await rig.ticker.start()
    whole = rig.journal.append

    async def failing(*args: object) -> object:
        raise StoreUnavailable("out of order")

    rig.clock.at += HOUR
    rig.journal.append = failing  # type: ignore[method-assign, assignment]
    for _ in range(2):
        try:
            await rig.ticker._tick()
        except StoreUnavailable:
            rig.run(S)
    rig.journal.append = whole  # type: ignore[method-assign]
    await rig.ticker._tick()
    assert rig.bodies()[1:] == [
        Down(T0 + 2 * S, T0 + 2 * S + HOUR),
        ClockStep(T0 + 2 * S, T0 + 2 * S + HOUR),
        Tick(T0 + 2 * S + HOUR),
    ]
    assert len(rig.told) == 1
    rig.close()


async def test_many_that_notice_at_once_say_it_once(tmp_path: Path) -> None:
    rig = SteadyRig(tmp_path)
    await rig.ticker.start()
    rig.clock.at += DAY
    await asyncio.gather(rig.ticker._tick(), *(rig.intake.emit(parcel(n)) for n in range(5)))
    bodies = rig.bodies()[1:]
    assert [type(body) for body in bodies[:2]] == [Down, ClockStep]
    assert sum(isinstance(body, ClockStep) for body in bodies) == 1
    rig.close()


async def test_a_start_behind_the_journal_waits_a_minute_then_goes_back(tmp_path: Path) -> None:
    rig = SteadyRig(tmp_path)
    await rig.ticker.start()
    rig.close()
    rig = SteadyRig(tmp_path)
    rig.clock.at = T0 - HOUR
    await rig.ticker.start()
    for _ in range(62):
        rig.run(S)
        await rig.ticker._tick()
    ticks = [body for body in rig.bodies() if isinstance(body, Tick)]
    assert [tick.suspect for tick in ticks[1:]] == [True] * 60 + [False] * 3
    assert ticks[-1].at == T0 - HOUR + 62 * S
    assert [step.goes_back for step in rig.told] == [True]
    rig.close()
