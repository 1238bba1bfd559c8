"""Looks at the running gateway every few seconds; asked by /readyz and metrics at any time."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import structlog

from gateway.delivery.endpoint_state import EndpointStats
from gateway.delivery.reasons import Reason
from gateway.domain.clocks import Watermark
from gateway.domain.duration import HOUR
from gateway.domain.errors import Problem, StoreError
from gateway.domain.language_values import Phrase
from gateway.domain.once_per_period import Firsts
from gateway.domain.record import ClockStep, Raw, Record
from gateway.domain.text import catalogue
from gateway.health.alarm_log import AlarmLog
from gateway.health.judgements import Clocks, HealthState, Trouble, clock, configuration, disk, rules, silence, texts
from gateway.health.traffic_summary import Summary, TrafficCounts
from gateway.intake.balance import Balance
from gateway.journal.schema import free_space

log = structlog.get_logger()
LOOK = 5.0
"""Seconds between two looks."""
LATELY = 12
"""Looks over which wrong times are counted: a minute."""
LOOKED_THROUGH = 50
"""Dead letters looked through for an example of a kind."""


class IntakeStatus(Protocol):
    """Intake."""

    watermark: Watermark
    stepped: list[Callable[[ClockStep], None]]

    def balance(self, source: str = "") -> Balance: ...
    def sources(self) -> list[str]: ...


class Letters(Protocol):
    """The journal's dead letters."""

    def dead_letters(self, limit: int, before_seq: int | None = None, tenant: str = "") -> list[Record]: ...


class House(Protocol):
    """What is watched: the App. `steady` is µs of a clock that nobody sets."""

    @property
    def settings(self) -> Any: ...
    @property
    def clock(self) -> Any: ...
    @property
    def intake(self) -> IntakeStatus: ...
    @property
    def journal(self) -> Letters: ...
    @property
    def sources(self) -> Mapping[str, Any]:
        """Sources, each with its `stats`."""

    @property
    def registry(self) -> Any: ...
    @property
    def relay(self) -> Any: ...
    @property
    def ticker(self) -> Any: ...
    @property
    def engine(self) -> Any: ...
    @property
    def reload(self) -> Any: ...


class HealthMonitor:
    """All on the loop that devices are read on. `steady`: µs of a clock that nobody sets."""

    def __init__(self, house: House, told: AlarmLog, steady: Callable[[], int]) -> None:
        self._house, self._told, self._steady = house, told, steady
        self._summary, self._firsts = Summary(steady()), Firsts()
        self._step: ClockStep | None = None
        self._stepped = 0
        self._files_since = 0
        self._counted: dict[str, int] = {}  # source -> messages at the last look
        self._heard: dict[str, int] = {}  # source -> when its count last rose
        self._connected: dict[str, int] = {}  # source -> since when
        self._dead: dict[tuple[str, str], int] = {}
        self._clamps: deque[tuple[int, int]] = deque([(0, 0)], LATELY)
        self._hourly, self._said = Firsts(HOUR), set[tuple[str, str]]()
        house.intake.stepped.append(self._set)

    def _set(self, step: ClockStep) -> None:
        self._step, self._stepped = step, self._house.clock.now()

    # ---- asked ------------------------------------------------------------------------------------------------
    def look(self) -> HealthState:
        """As it is now."""
        house, settings = self._house, self._house.settings
        free = free_space(Path(settings.data_dir) / "journal.sqlite")
        clocks = self._clocks()
        problems: Sequence[Problem] = house.reload.last.problems
        self._files_since = (self._files_since or house.clock.now()) if problems else 0
        found = {
            "disk": disk(free, settings.journal.free_space_floor), "clock": clock(clocks),
            "rules": rules(sorted(house.engine.broken)),
            "configuration": configuration(problems, self._files_since, house.reload.last.at_start),
            "texts": texts(house.registry.refused()),
        }  # fmt: skip
        return HealthState(
            {part: trouble for part, trouble in found.items() if trouble is not None},
            {name: trouble for name in house.sources if (trouble := self._source(name)) is not None},
            {name: trouble for name, stats in house.relay.stats().items() if (trouble := _endpoint(stats)) is not None},
            free, settings.journal.free_space_floor, clocks.share,
        )  # fmt: skip

    def _clocks(self) -> Clocks:
        house, now = self._house, self._house.clock.now()
        total = house.intake.balance()
        clamped, readings = self._clamps[0]
        return Clocks(
            now, house.intake.watermark.newest - now, house.ticker.last.suspect, self._step, self._stepped,
            total.clamped - clamped, total.readings_journaled - readings,
        )  # fmt: skip

    def _source(self, name: str) -> Trouble | None:
        source, now = self._house.sources[name], self._steady()
        if (phrase := source.trouble()) is not None:
            self._connected.pop(name, None)
            return Trouble(phrase, logged=True)
        connected = self._connected.setdefault(name, now)
        after = getattr(self._house.settings.sources[name], "silent_after", 0)
        return silence(connected, self._heard.get(name), after, now)

    # ---- by itself --------------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Look every few seconds, until cancelled; say what changed."""
        while True:
            await asyncio.sleep(LOOK)
            await self.turn()

    async def turn(self) -> None:
        """One look, and the lines it is worth."""
        now, house = self._steady(), self._house
        by_source = {name: self._messages(name) for name in house.sources}
        for name, count in by_source.items():
            if count > self._counted.get(name, 0):
                self._counted[name], self._heard[name] = count, now
        condition, total = self.look(), house.intake.balance()
        self._clamps.append((total.clamped, total.readings_journaled))
        self._say(condition, now)
        await self._say_dead(now)
        sent = sum(stats.delivered for stats in house.relay.stats().values())
        heard = TrafficCounts(
            total.received,
            total.readings_journaled,
            total.rejected,
            self._told.alarms,
            self._told.orders,
            sent,
            by_source,
        )
        if (line := self._summary.due(heard, condition.sources, now)) is not None:
            log.info("summary", **line)

    def _messages(self, name: str) -> int:
        return self._house.intake.balance(name).received if name in self._house.intake.sources() else 0

    def _say(self, condition: HealthState, now: int) -> None:
        """Each trouble once when it begins, once when it is over; one that comes and goes, once an hour."""
        found = {("part", name): trouble for name, trouble in condition.parts.items()}
        found |= {("source", name): trouble for name, trouble in condition.sources.items()}
        for place, trouble in found.items():
            if trouble.logged:  # whoever found it says so
                continue
            if self._hourly.fresh((*place, trouble.phrase.key), now):
                write = log.error if trouble.vital else log.warning
                write("trouble", part=_part(*place), what=trouble.phrase)
                self._said.add(place)
        for place in self._said - found.keys():
            log.info("trouble over", part=_part(*place))
        self._said &= found.keys()

    async def _say_dead(self, now: int) -> None:
        """The first dead letter of each kind, with an example."""
        for name, source in self._house.sources.items():
            dead = Counter(getattr(source.stats, "rejected", {})) + Counter(getattr(source.stats, "partial", {}))
            for reason, count in dead.items():
                if count > self._dead.get((name, reason), 0) and self._firsts.fresh((name, reason), now):
                    raw = await asyncio.to_thread(self._example, name, reason)
                    known = f"trial.why.{reason}" in catalogue()
                    why = Phrase(f"trial.why.{reason}") if known else reason
                    log.warning("dead letter of a new kind", source=name, reason=reason, why=why, count=count,
                                detail=raw.detail if raw else "", address=raw.address if raw else "")  # fmt: skip
                self._dead[name, reason] = count

    def _example(self, source: str, reason: str) -> Raw | None:
        try:
            records = self._house.journal.dead_letters(LOOKED_THROUGH)
        except StoreError:
            return None
        letters = [record.body for record in records if isinstance(record.body, Raw)]
        return next((raw for raw in letters if (raw.source, raw.reason) == (source, reason)), None)


def _endpoint(stats: EndpointStats) -> Trouble | None:
    if stats.breaker == "closed":
        return None
    return Trouble(Phrase("ready.endpoint_paused", {"reason": Reason(stats.last_error)}), logged=True)


def _part(kind: str, name: str) -> Phrase:
    return Phrase("ready.part.source", {"name": name}) if kind == "source" else Phrase(f"ready.part.{name}")
