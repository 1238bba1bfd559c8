"""Checks the running gateway every few seconds, and on request for /readyz and metrics."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import structlog

from gateway.delivery.endpoint_state import EndpointStats
from gateway.delivery.reasons import Reason
from gateway.domain.duration import HOUR
from gateway.domain.errors import StoreError
from gateway.domain.language_values import Phrase
from gateway.domain.once_per_period import OncePerPeriod
from gateway.domain.record import Raw, Record
from gateway.domain.text import catalogue
from gateway.health.alarm_log import AlarmLog
from gateway.health.judgements import (
    Clocks,
    HealthState,
    Trouble,
    clock,
    configuration,
    disk,
    rules,
    silence,
    store,
    texts,
)
from gateway.health.status import GatewayStatus, StoreStatus
from gateway.health.traffic_summary import Summary, TrafficCounts
from gateway.journal.schema import free_space
from gateway.ports import Clock

log = structlog.get_logger()
LOOK = 5.0
"""Seconds between two checks."""
CLAMP_LOOKS = 12
"""Checks over which wrong times are counted: a minute."""
LETTERS_SEARCHED = 50
"""Dead letters searched for an example of a kind."""


class Letters(Protocol):
    """The journal's dead letters."""

    def dead_letters(self, limit: int, before_seq: int | None = None, tenant: str = "") -> list[Record]:
        """The newest first. Blocking."""


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """`disk`: folder of the journal; `floor`: free bytes below which it does not grow; `silent_after` µs by source,
    0 = never."""

    disk: Path
    floor: int
    silent_after: Mapping[str, int]


class HealthMonitor:
    """Runs on the ingest loop. `status` returns the status to check, `sources` their counts by name; `steady` is µs
    of a monotonic clock."""

    def __init__(
        self,
        status: Callable[[], GatewayStatus],
        sources: Callable[[], Mapping[str, Any]],
        settings: Callable[[], HealthSettings],
        letters: Letters,
        alarms: AlarmLog,
        *,
        clock: Clock,
        steady: Callable[[], int],
    ) -> None:
        self._status, self._sources, self._settings = status, sources, settings
        self._letters, self._alarms, self._clock, self._steady = letters, alarms, clock, steady
        self._summary, self._firsts = Summary(steady()), OncePerPeriod()
        self._files_since = 0
        self._counted: dict[str, int] = {}  # source -> messages at the last look
        self._newest: dict[str, int] = {}  # source -> when its count last rose
        self._connected: dict[str, int] = {}  # source -> since when
        self._dead: dict[tuple[str, str], int] = {}
        self._clamps: deque[tuple[int, int]] = deque([(0, 0)], CLAMP_LOOKS)
        self._hourly, self._logged = OncePerPeriod(HOUR), set[tuple[str, str]]()

    # ---- asked ------------------------------------------------------------------------------------------------
    def look(self) -> tuple[GatewayStatus, HealthState]:
        """The present status and its problems."""
        status = self._status()
        return status, self._judged(status)

    def _judged(self, status: GatewayStatus) -> HealthState:
        settings = self._settings()
        free = free_space(settings.disk)
        clocks, files = self._clocks(status), status.files
        self._files_since = (self._files_since or self._clock.now()) if files.problems else 0
        found = {
            "disk": disk(free, settings.floor),
            "clock": clock(clocks),
            "rules": rules(sorted(status.engine.broken)),
            "configuration": configuration(files.problems, self._files_since, files.at_start),
            "texts": texts(status.refused_texts),
        }
        sources = {
            name: self._source(name, phrase, settings.silent_after.get(name, 0))
            for name, phrase in status.sources.items()
        }
        endpoints = {name: _endpoint(stats) for name, stats in status.endpoints.items()}
        stores = {name: _store(status, one) for name, one in status.consumers.stores.items()}
        return HealthState(
            _wrong(found),
            _wrong(sources),
            _wrong(endpoints),
            _wrong(stores),
            free=free,
            floor=settings.floor,
            clamped=clocks.share,
        )

    def _clocks(self, status: GatewayStatus) -> Clocks:
        intake, now = status.intake, self._clock.now()
        clamped, readings = self._clamps[0]
        return Clocks(
            now,
            intake.newest - now,
            intake.suspect,
            intake.last_step,
            intake.stepped,
            intake.total.clamped - clamped,
            intake.total.readings_journaled - readings,
        )

    def _source(self, name: str, phrase: Phrase | None, silent_after: int) -> Trouble | None:
        now = self._steady()
        if phrase is not None:
            self._connected.pop(name, None)
            return Trouble(phrase, logged=True)
        connected = self._connected.setdefault(name, now)
        return silence(connected, self._newest.get(name), silent_after, now)

    # ---- by itself --------------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Check every few seconds until cancelled; log changes."""
        while True:
            await asyncio.sleep(LOOK)
            await self.turn()

    async def turn(self) -> None:
        """One check, with its log lines."""
        now, status = self._steady(), self._status()
        total, balances = status.intake.total, status.intake.balances
        by_source = {name: balances[name].received if name in balances else 0 for name in status.sources}
        for name, count in by_source.items():
            if count > self._counted.get(name, 0):
                self._counted[name], self._newest[name] = count, now
        condition = self._judged(status)
        self._clamps.append((total.clamped, total.readings_journaled))
        self._log(condition, now)
        await self._log_dead(now)
        sent = sum(stats.delivered for stats in status.endpoints.values())
        counts = TrafficCounts(
            total.received,
            total.readings_journaled,
            total.rejected,
            self._alarms.alarms,
            self._alarms.orders,
            sent,
            by_source,
        )
        if (line := self._summary.due(counts, condition.sources, now)) is not None:
            log.info("summary", **line)

    def _log(self, condition: HealthState, now: int) -> None:
        """Log each problem once when it begins and once when it is over; one that comes and goes, once an hour."""
        found = {("part", name): trouble for name, trouble in condition.parts.items()}
        found |= {("source", name): trouble for name, trouble in condition.sources.items()}
        found |= {("store", name): trouble for name, trouble in condition.stores.items()}
        for place, trouble in found.items():
            if trouble.logged:  # whoever found it logs it
                continue
            if self._hourly.allows((*place, trouble.phrase.key), now):
                write = log.error if trouble.vital else log.warning
                write("trouble", part=_part(*place), what=trouble.phrase)
                self._logged.add(place)
        for place in self._logged - found.keys():
            log.info("trouble over", part=_part(*place))
        self._logged &= found.keys()

    async def _log_dead(self, now: int) -> None:
        """Log the first dead letter of each kind, with an example."""
        for name, source in self._sources().items():
            dead = Counter(getattr(source.stats, "rejected", {})) + Counter(getattr(source.stats, "partial", {}))
            for reason, count in dead.items():
                if count > self._dead.get((name, reason), 0) and self._firsts.allows((name, reason), now):
                    raw = await asyncio.to_thread(self._example, name, reason)
                    known = f"trial.why.{reason}" in catalogue()
                    why = Phrase(f"trial.why.{reason}") if known else reason
                    log.warning(
                        "dead letter of a new kind",
                        source=name,
                        reason=reason,
                        why=why,
                        count=count,
                        detail=raw.detail if raw else "",
                        address=raw.address if raw else "",
                    )
                self._dead[name, reason] = count

    def _example(self, source: str, reason: str) -> Raw | None:
        try:
            records = self._letters.dead_letters(LETTERS_SEARCHED)
        except StoreError:
            return None
        letters = [record.body for record in records if isinstance(record.body, Raw)]
        return next((raw for raw in letters if (raw.source, raw.reason) == (source, reason)), None)


def _wrong(found: Mapping[str, Trouble | None]) -> dict[str, Trouble]:
    return {name: trouble for name, trouble in found.items() if trouble is not None}


def _endpoint(stats: EndpointStats) -> Trouble | None:
    if stats.breaker == "closed":
        return None
    return Trouble(Phrase("ready.endpoint_paused", {"reason": Reason(stats.last_error)}), logged=True)


def _store(status: GatewayStatus, one: StoreStatus) -> Trouble | None:
    waiting = status.journal.head - one.progress.cursor
    pressed = one.progress.secured < status.journal.released and one.error is not None
    return store(one.error, waiting, one.missed if one.filled < 1 else 0, pressed)


def _part(kind: str, name: str) -> Phrase:
    return Phrase(f"ready.part.{name}") if kind == "part" else Phrase(f"ready.part.{kind}", {"name": name})
