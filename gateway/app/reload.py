"""Reload of changed configuration files while the gateway runs: only differences are applied, and a mistake in any
file changes nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from stat import S_ISDIR
from typing import Protocol

import structlog

from gateway.app.in_force import ProjectInForce
from gateway.domain.duration import from_us
from gateway.domain.engine_status import EngineStatus
from gateway.domain.errors import ConfigError, Problem, StoreError
from gateway.domain.record import CustomerSet, DeviceSet, Fact, PolicySet, RuleRemoved, RuleSet, SiteSet
from gateway.domain.reloaded import Reloaded
from gateway.ports import Clock
from gateway.settings.needs_restart import without_restart_only
from gateway.settings.project import Project, ProjectReport, inspect_project
from gateway.settings.rulebook import Rulebook, RuleFiles
from gateway.settings.yaml_document import yaml_files
from gateway.store import AuditedAct

log = structlog.get_logger()
POLL = 2.0  # s between two looks at the files
SETTLE = 0.3  # s: files that change faster than this are still being written
LOOKS = 5  # at files that change while they are read
NAMED = 20  # of what changed, and problems, in a line of the log
CONFIGURATION = "configuration"


class AuditLog(Protocol):
    """The security audit."""

    def add(self, act: AuditedAct) -> None:
        """Add a row. Blocking; the desk's thread."""


@dataclass(frozen=True, slots=True)
class RuleJournal:
    """Writes changes of rules to the journal, then to the audit."""

    facts: Callable[[Sequence[Fact]], Awaitable[list[int]]]
    audit: AuditLog
    desk: Callable[[Callable[[], None]], Awaitable[None]]
    clock: Clock

    async def __call__(self, facts: Sequence[Fact]) -> list[int]:
        """Journal the facts; returns their sequence numbers. Raises StoreError."""
        sequence = await self.facts(facts)
        actor = str(getattr(facts[0], "actor", "")) if facts else ""
        act = AuditedAct(self.clock.now(), actor, "", "rule.change", " ".join(map(named, facts)), str(len(facts)))
        await self.desk(lambda: self.audit.add(act))
        return sequence


def rule_changes(rulebook: Rulebook, zone: str, engine: EngineStatus, actor: str) -> list[Fact]:
    """Facts that bring the engine to `rulebook`; [] when it has these rules."""
    known = {name: (fact.source, fact.zone) for name, fact in engine.rules.items()}
    changed: list[Fact] = [
        RuleSet(rule.id, rule.revision, rule.source, zone, actor)
        for rule in rulebook.rules.values()
        if known.get(rule.id) != (rule.source, zone)
    ]
    before = engine.policy
    if (rulebook.policy, zone) != ((before.source, before.zone) if before is not None else (b"", zone)):
        changed.append(PolicySet(rulebook.policy, zone, actor))
    return changed + [RuleRemoved(name, actor) for name in sorted(known) if name not in rulebook.rules]


Apply = Callable[[Project, str], Awaitable[Sequence[str]]]
"""(configuration, actor) -> changes. Called again with the same arguments until it succeeds. Raises ConfigError
(then nothing changed) and StoreError."""


class Reload:
    """Checks the files every `POLL` seconds, and on request (`wake`: SIGHUP)."""

    def __init__(self, in_force: ProjectInForce, clock: Clock, apply: Apply) -> None:
        self._in_force, self.apply = in_force, apply
        self.last = Reloaded(clock.now(), CONFIGURATION)
        self._clock = clock
        self._rule_files = RuleFiles()
        self._places = in_force.project.places
        self._requested = asyncio.Event()
        self._lock = asyncio.Lock()
        self._seen: object = _stamp(self._places)
        self._warned: set[tuple[str, int]] = set()

    @property
    def project(self) -> Project:
        """The configuration in force."""
        return self._in_force.project

    def wake(self) -> None:
        """Read the files now, changed or not."""
        self._requested.set()

    async def run(self) -> None:
        """Check the files until cancelled."""
        async with self._lock:  # so that the first change costs no more than the file it is in
            await asyncio.to_thread(inspect_project, self.project.file, self.project.env, self._rule_files)
        while True:
            self._warn_of_years()
            try:
                async with asyncio.timeout(POLL):
                    await self._requested.wait()
            except TimeoutError:
                pass
            requested = self._requested.is_set()
            self._requested.clear()
            if requested or await self._differs():
                await self.reload("SIGHUP" if requested else CONFIGURATION, requested=requested)

    async def _differs(self) -> bool:
        """True if the files changed and are no longer being written: half a list of devices must not be applied."""
        found = await asyncio.to_thread(_stamp, self._places)
        if found == self._seen:
            return False
        while True:
            await asyncio.sleep(min(SETTLE, POLL))
            before, found = found, await asyncio.to_thread(_stamp, self._places)
            if found == before:
                return found != self._seen

    async def reload(self, actor: str, *, requested: bool = False) -> Reloaded:
        """Read the files and apply the differences. If there is a mistake in them, nothing is changed. `requested`:
        a person requested it and gets a log line even without differences."""
        async with self._lock:
            report = await asyncio.to_thread(self._look)
            if report.project is None:
                return self._refuse(actor, report.problems)
            settings, at_start = without_restart_only(self.project.settings, report.project.settings)
            project = replace(report.project, settings=settings)
            try:
                changed = await self.apply(project, actor)
            except ConfigError as error:
                return self._refuse(actor, error.problems)
            except StoreError as error:
                self._seen = None  # tried again at the next look
                log.warning("configuration not reloaded: the disk cannot take it now", error=error)
                return self.last
            self._in_force.use(project)
            before = self.last
            self.last = Reloaded(self._clock.now(), actor, len(changed), (), at_start)
            self._log(actor, changed, before, requested)
            return self.last

    def _look(self) -> ProjectReport:
        """In a thread. Reads until nothing changes meanwhile; unchanged rule files are not read again."""
        for _ in range(LOOKS):
            places, before = self._places, _stamp(self._places)
            report = inspect_project(self.project.file, self.project.env, self._rule_files)
            self._places = report.places
            self._seen = _stamp(self._places)
            if (places, before) == (self._places, self._seen):
                break
        return report

    def _refuse(self, actor: str, problems: Sequence[Problem]) -> Reloaded:
        self.last = Reloaded(self._clock.now(), actor, 0, tuple(problems), self.last.at_start)
        lang = self.project.settings.language
        log.error(
            "configuration not reloaded: everything stays as it was",
            actor=actor,
            count=len(problems),
            problems=[problem.render(lang) for problem in problems[:NAMED]],
        )
        return self.last

    def _log(self, actor: str, changed: Sequence[str], before: Reloaded, requested: bool) -> None:
        if self.last.at_start and self.last.at_start != before.at_start:
            log.warning("settings that take effect at the next start", keys=list(self.last.at_start))
        if before.problems:
            log.info("configuration in order again", actor=actor, changed=changed[:NAMED], count=len(changed))
        elif changed:
            log.info("configuration reloaded", actor=actor, changed=changed[:NAMED], count=len(changed))
        elif requested:
            log.info("configuration read again: nothing differs", actor=actor)

    def _warn_of_years(self) -> None:
        """Log once that rules, or clocks of orders, use a calendar that lacks this year, or soon the next one."""
        today = from_us(self._clock.now()).date()
        actives = [rule.active for rule in self.project.rulebook.rules.values()]
        used = {one.calendar for one in actives if one is not None and one.calendar is not None}
        for calendar in used | self.project.sla.calendars():
            unknown, provisional = calendar.open_years(today)
            for year in (*unknown, *provisional):
                if (calendar.name, year) not in self._warned:
                    self._warned.add((calendar.name, year))
                    if year in provisional:
                        log.warning("calendar provisional", calendar=calendar.name, year=year)
                    else:
                        log.warning("calendar incomplete", calendar=calendar.name, year=year)


def named(fact: Fact) -> str:
    """The subject of a fact, for log and audit."""
    match fact:
        case RuleSet(id=name) | RuleRemoved(id=name):
            return name
        case SiteSet(site=site):
            return f"site {site.code}"
        case CustomerSet(customer=customer):
            return f"customer {customer.code}"
        case DeviceSet(device=device):
            return f"device {device.code}"
        case _:
            return "policy"


def _stamp(places: Collection[Path]) -> object:
    """Value that changes with these files and with the files of these folders."""
    found = [(path, stamp) for path in places if (stamp := _stat(path)) is not None]
    inside = [(path, stamp) for place in places for path in _inside(place) if (stamp := _stat(path)) is not None]
    return found, inside


def _inside(folder: Path) -> list[Path]:
    try:
        return yaml_files(folder)
    except OSError:
        return []


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return None if S_ISDIR(found.st_mode) else (found.st_mtime_ns, found.st_size, found.st_ino)
