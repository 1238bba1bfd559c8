"""Intake, engine and desk in virtual time: a real journal, an answer to all that the engine asks, a real database."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from desk.desk_kit import World
from intake.intake_parts import JOURNAL, HandClock, Names
from rules_engine.engine_lab import POINTS, T0, S

from gateway.domain.alarm import Transition
from gateway.domain.device import Device
from gateway.domain.reading import Batch, Reading, batch_of
from gateway.domain.record import DeviceSet, Parcel, PointDefined, RuleSet, Tick
from gateway.domain.workorder import Alarm, WorkOrder
from gateway.intake import Intake, IntakeConfig
from gateway.journal import SqliteJournal
from gateway.ports import Append
from gateway.store import AlarmFilter
from rules.compiled import Rule
from rules.engine import Engine
from rules.engine.rerun import answer, history_in_memory
from rules.format import compile_source


class Judged:
    """A gateway without threads: what it is given is journaled, judged and on the desk when the call returns.

    Times are seconds after T0. `batches`: the readings as the journal has them, in order of receipt.
    """

    def __init__(self, folder: Path) -> None:
        self.clock, self.names, self.world = HandClock(T0), Names(), World(folder / "desk.sqlite")
        self.journal = SqliteJournal(folder / "journal.sqlite", JOURNAL, partition=0)
        self.intake = Intake(
            self.journal, self.names, self.clock, IntakeConfig.model_validate({"linger": "0ms"}), partition=0
        )
        self.engine = Engine(0, compile_source, "default")
        self.batches: list[Batch] = []
        self.transitions: list[Transition] = []
        self._judged = 0

    async def begin(self, devices: Sequence[Device], rules: Iterable[Rule]) -> None:
        """Points, devices and rules take effect."""
        self.names.written |= {device.id for device in devices}
        await self.intake.append(Append(tuple(PointDefined("lab", point) for point in POINTS.values())))
        await self.intake.facts([DeviceSet(device) for device in devices])
        await self.intake.facts([RuleSet(rule.id, rule.revision, rule.source, "UTC") for rule in rules])
        await self._settle()

    async def deliver(self, at: float, *frames: Sequence[Reading]) -> None:
        """One message, received at `at`."""
        self.clock.at = T0 + round(at * S)
        await self.intake.emit(Parcel("broker", batch_of(frames), messages=1))
        await self._settle()

    async def tick(self, at: float) -> None:
        """Engine time moves on."""
        self.clock.at = T0 + round(at * S)
        await self.intake.append(Append((Tick(self.clock.at),)))
        await self._settle()

    async def _settle(self) -> None:
        while True:
            got: list[Transition] = []
            for record in self.journal.read(0, self._judged, 1000):
                self._judged = record.seq
                if isinstance(record.body, Batch):
                    self.batches.append(record.body)
                got += self.engine.step(record)
            self.transitions += got
            if got:
                self.world.desk.apply(got, self._judged, (), self.clock.at)
            if not self.engine.wanted:
                return
            await self.intake.facts(answer(self.engine, history_in_memory(self.batches)))

    def readings(self) -> list[Reading]:
        """All of the journal."""
        return [reading for batch in self.batches for reading in batch.readings()]

    def alarms(self, *, raised: bool | None = None) -> list[Alarm]:
        """On the desk, oldest first; `raised`: those that are on, or those that are over."""
        found = self.world.queries.alarms(AlarmFilter(raised=raised), limit=200).items
        return sorted(found, key=lambda alarm: (alarm.raised_at, alarm.rule))

    def orders(self) -> list[WorkOrder]:
        """All orders."""
        return list(self.world.queries.orders(limit=200).items)

    def close(self) -> None:
        """Close the files."""
        self.journal.close()
        self.world.database.close()
