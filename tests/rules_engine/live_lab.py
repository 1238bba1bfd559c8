"""A case as a gateway would live it: registry, intake, journal, consumers and stores, in virtual time."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from consumers.test_consumers import MemoryDesk
from intake.intake_parts import JOURNAL, HandClock
from msgspec.structs import replace
from registry.test_registry import Rows

from gateway.app.build import LOOK_BACK
from gateway.consumers import LookBackProcess, Reruns, RulesConsumer, SeriesConsumer, Snapshots
from gateway.domain.alarm import Transition
from gateway.domain.device import Device, Life, Point, PointKind, Profile
from gateway.domain.duration import SECOND
from gateway.domain.reading import Quality, Reading, batch_of
from gateway.domain.record import Closed, Fact, Parcel, RuleSet, Tick, Unlatch
from gateway.intake import Intake, IntakeConfig, Ticker
from gateway.intake.plausible_file import repeat
from gateway.journal import SqliteJournal
from gateway.ports import Append
from gateway.registry import DeclaredInventory, Registry
from rules.casetest.case_input import CaseEvent, CaseInput, CaseReading
from rules.engine import Engine
from rules.format import compile_source, edit
from sinks.series.duckdb.config import DuckDbConfig
from sinks.series.duckdb.store import DuckDbStore

TENANT = "test"


async def inline(call: Callable[[], Any]) -> Any:
    """Threads of the product, without threads."""
    await asyncio.sleep(0)
    return call()


class LiveCase:
    """One gateway over one scene. `got` are the transitions that reached the desk."""

    def __init__(self, scene: CaseInput, folder: Path, *, together: bool, crash: bool) -> None:
        self.scene, self.folder, self.together, self.crash = scene, folder, together, crash
        self.clock, self.rows, self.desk = HandClock(scene.start), Rows(), MemoryDesk()
        self.journal = SqliteJournal(folder / "journal.sqlite", JOURNAL, partition=0)
        self.store = DuckDbStore(folder / "series", DuckDbConfig(), self.clock)
        self.specs = {code: tuple(scene.specs(device).values()) for code, device in scene.devices.items()}
        self.profiles = {
            device.profile: Profile(device.profile, device.kind, self.specs[code])
            for code, device in scene.devices.items()
        }
        self.devices = {code: replace(device, id=0) for code, device in scene.devices.items()}
        self.engine, self.rule = Engine(0, compile_source, TENANT), scene.rule

    def _build(self, start: int) -> None:
        """A process: all that does not outlive it."""
        self.registry = Registry(self.rows, TENANT, self.clock)
        self.intake = Intake(
            self.journal, self.registry, self.clock, IntakeConfig.model_validate({"linger": "0ms"}), partition=0
        )
        if start:  # the gateway makes it from its file and the journal: here from the journal alone
            for record in self.journal.read(0, 0, 100_000):
                repeat(self.intake.plausibility, record)
        self.ticker = Ticker(self.intake)
        snapshots = Snapshots(self.folder / "snapshots", 0)
        self.rules = RulesConsumer(
            self.journal,
            self.engine,
            self.desk,
            snapshots,
            self.clock,
            rules_thread=inline,
            desk_thread=inline,
            start=start,
            on_commit=lambda *_: None,
            on_due=lambda _: None,
            partition=0,
        )
        self.series = SeriesConsumer(self.journal, self.store, inline, flush=0, partition=0)
        self.reruns = Reruns(
            self.rules,
            self.engine,
            self.series,
            self.store,
            rules_thread=inline,
            series_thread=inline,
            journal=self.intake.facts,
            worker=partial(LookBackProcess.start, LOOK_BACK),
        )
        self.tasks = [
            asyncio.ensure_future(task) for task in (self.rules.judge(), self.rules.commit(), self.series.run())
        ]

    async def settle(self) -> None:
        """Until everything journaled is judged, stored and answered."""
        async with asyncio.timeout(20):
            while True:
                if all(task.done() for task in self.tasks[:1]):
                    await self.tasks[0]
                head = self.journal.head(0)
                if self.rules.judged == head == self.series.cursor and self.reruns.idle:
                    return
                await asyncio.sleep(0)

    async def _end(self) -> None:
        tasks = [*self.tasks, self.answering]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _stop(self) -> None:
        """An orderly stop: everything is judged, stored and committed, and a snapshot saved."""
        await self._end()
        await self.rules.drain(self.journal.head(0))
        await self.series.drain(self.journal.head(0))

    async def _start(self, start: int) -> None:
        """As the application does, from record `start`: down-time, a first tick, the registry, then the rest."""
        self._build(start)
        await self.ticker.start()
        await self._apply()
        self.answering = asyncio.ensure_future(self.reruns.run())
        await self.settle()

    async def _apply(self) -> None:
        """The files as they are now -> registry -> journal."""
        scene = self.scene
        facts = self.registry.apply(
            DeclaredInventory(
                tuple(scene.sites.values()),
                tuple(scene.customers.values()),
                tuple(self.devices.values()),
                tuple(self.profiles.values()),
            )
        )
        if facts:
            await self.intake.facts(facts)

    async def run(self, until: int) -> list[Transition]:
        """The whole scene, with a tick in every second up to `until`."""
        scene = self.scene
        await self._start(0)
        await self.intake.facts([RuleSet(scene.rule.id, scene.rule.revision, scene.rule.source, "UTC")])
        await self.settle()
        deliveries = [(at, list(group)) for at, group in groupby(scene.values, key=lambda told: told.received)]
        happenings = sorted(scene.events, key=lambda one: one.at)
        pauses = [one.at + int(str(one.value)) for one in happenings if one.what == "restart"]
        moments = {
            *range(scene.start, until + 1, SECOND),
            *(at for at, _ in deliveries),
            *(one.at for one in happenings),
        }
        back = scene.start
        for at in sorted({*moments, *pauses}):
            if not back <= at <= until:
                continue
            self.clock.at = at
            while deliveries and deliveries[0][0] <= at:
                await self._deliver(deliveries.pop(0)[1])
            while happenings and max(happenings[0].at, back) <= at:
                back = max(back, await self._happen(happenings.pop(0), at))
            if back <= at and (at - scene.start) % SECOND == 0:
                await self.intake.append(Append((Tick(at),)))
                await self.settle()
        await self._stop()
        self.store.close()
        self.journal.close()
        return self.desk.transitions

    async def _deliver(self, told: Sequence[CaseReading]) -> None:
        """One parcel for each message, all at once or one after another."""
        frames = [list(group) for _, group in groupby(told, key=lambda one: one.frame)]
        batches = [batch_of([[one for one in map(self._reading, frame) if one is not None]]) for frame in frames]
        parcels = [Parcel("case", batch, messages=1) for batch in batches if len(batch)]
        if self.together:
            await asyncio.gather(*(self.intake.emit(parcel) for parcel in parcels))
        else:
            for parcel in parcels:
                await self.intake.emit(parcel)
                await self.settle()
        await self.settle()

    def _reading(self, one: CaseReading) -> Reading | None:
        """As a source hands it over, by the registry's ids; None = of a device that is not in service."""
        written = next(point for point in self.scene.points.values() if point.id == one.point)
        device = next(device for device in self.scene.devices.values() if device.id == one.device)
        known = self.registry.device(device.code)
        if known is None:
            return None
        point: Point = self.registry.points(device.profile)[written.name, written.component]
        if one.value != one.value:
            return Reading(known.id, point.id, one.at, one.value, Quality.BAD, received=self.clock.at)
        if point.kind is PointKind.STATE:
            code = self.registry.state_code(point.id, written.values[int(one.value)])
            assert code is not None
            return Reading(known.id, point.id, one.at, float(code), received=self.clock.at)
        low, high = point.plausible.min, point.plausible.max
        odd = (low is not None and one.value < low) or (high is not None and one.value > high)
        quality = Quality.UNCERTAIN if odd else Quality.GOOD
        return Reading(known.id, point.id, one.at, one.value, quality, received=self.clock.at)

    async def _happen(self, event: CaseEvent, at: int) -> int:
        """The moment from which the gateway is there again; 0 = it always was."""
        fact: Fact
        match event.what:
            case "restart":
                await self._restart()
                self.clock.at = at + int(str(event.value))
                await self._start(self._restored())
                return self.clock.at
            case "set":
                code = next(one.code for one in self.scene.devices.values() if one.id == event.device)
                self.devices[code] = _with(self.devices[code], event.value)
                await self._apply()
                await self.settle()
                return 0
            case "edit":
                assert isinstance(event.value, dict)
                self.rule = edit(self.rule, event.value, self.scene.tests.names, "case", "edit")
                fact = RuleSet(self.rule.id, self.rule.revision, self.rule.source, "UTC")
            case "unlatch":
                fact = Unlatch(self.rule.id, *_thing(event), group=event.group)
            case _:
                fact = Closed(self.rule.id, *_thing(event), "test", group=event.group)
        await self.intake.facts([fact])
        await self.settle()
        return 0

    async def _restart(self) -> None:
        if self.crash:
            await self._end()
        else:
            await self._stop()

    def _restored(self) -> int:
        """The newest snapshot that the desk has reached, else nothing: everything is judged again."""
        for seq, blob in Snapshots(self.folder / "snapshots", 0).valid(self.desk.cursor()):
            self.engine = Engine.restore(blob, compile_source)
            return seq
        self.engine = Engine(0, compile_source, TENANT)
        return 0


def _thing(event: CaseEvent) -> tuple[int, int]:
    return (0, 0) if event.group else (event.device, event.component)


def _with(device: Device, change: object) -> Device:
    """`set: {life: retired}` or `set: {attrs: {..}}`."""
    assert isinstance(change, dict)
    attrs = {**device.attrs, **change.get("attrs", {})}
    return replace(device, attrs=attrs, life=Life(change.get("life", device.life.value)))
