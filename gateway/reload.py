"""Changed rule files take effect while the gateway runs: only what differs is journaled, mistakes change nothing."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import structlog

from gateway.domain.duration import from_us
from gateway.domain.errors import Problem, StoreError
from gateway.domain.record import Fact, PolicySet, RuleGone, RuleSet
from gateway.domain.text import Lang
from gateway.ports import Clock
from gateway.settings.calendars import calendar_file, calendar_name, load_calendar
from gateway.settings.crosscheck import Findings, check_rules
from gateway.settings.document import read_document
from gateway.settings.lookups import load_lookups
from gateway.settings.project import Project
from gateway.settings.rulebook import Rulebook, RuleFiles, load_rulebook
from gateway.store import Deed
from rules.compiled import Names, Rule

log = structlog.get_logger()
POLL = 2.0  # s between two looks at the files
CONFIGURATION = "configuration"


class Noted(Protocol):
    """The security audit."""

    def add(self, deed: Deed) -> None:
        """Blocking; the desk's thread."""


@dataclass(frozen=True, slots=True)
class RuleJournal:
    """Changes of rules: into the journal, then into the audit."""

    facts: Callable[[Sequence[Fact]], Awaitable[list[int]]]
    audit: Noted
    desk: Callable[[Callable[[], None]], Awaitable[None]]
    clock: Clock

    async def __call__(self, facts: Sequence[Fact]) -> list[int]:
        """Their sequence numbers. Raises StoreError."""
        sequence = await self.facts(facts)
        actor = str(getattr(facts[0], "actor", "")) if facts else ""
        deed = Deed(self.clock.now(), actor, "", "rule.change", " ".join(map(_name, facts)), str(len(facts)))
        await self.desk(lambda: self.audit.add(deed))
        return sequence


class InForce(Protocol):
    """The engine: the rules it obeys."""

    @property
    def rules(self) -> Mapping[str, tuple[RuleSet, Rule]]:
        """Rule id -> the fact in force and its rule."""

    @property
    def policy(self) -> PolicySet | None:
        """`quiet` and `limits` in force."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What came of the newest look at the files: facts journaled, or the problems that kept the old rules in force."""

    at: int
    actor: str
    changed: int = 0
    problems: tuple[Problem, ...] = ()


def rule_changes(rulebook: Rulebook, zone: str, engine: InForce, actor: str) -> list[Fact]:
    """The facts that make the engine obey `rulebook`; [] when it does."""
    known = {name: (fact.source, fact.zone) for name, (fact, _) in engine.rules.items()}
    changed: list[Fact] = [
        RuleSet(rule.id, rule.revision, rule.source, zone, actor)
        for rule in rulebook.rules.values()
        if known.get(rule.id) != (rule.source, zone)
    ]
    before = engine.policy
    if (rulebook.policy, zone) != ((before.source, before.zone) if before is not None else (b"", zone)):
        changed.append(PolicySet(rulebook.policy, zone, actor))
    return changed + [RuleGone(name, actor) for name in sorted(known) if name not in rulebook.rules]


class Reload:
    """Looks at the rule files every `POLL` seconds, and when asked (`wake`: SIGHUP). `journal` takes what changed."""

    def __init__(
        self, project: Project, engine: InForce, clock: Clock,
        journal: Callable[[Sequence[Fact]], Awaitable[list[int]]],
    ) -> None:  # fmt: skip
        self.project = project
        self.last = Reloaded(clock.now(), CONFIGURATION)
        self._engine, self._clock, self.journal = engine, clock, journal
        self._files: RuleFiles = {}
        self._asked = asyncio.Event()
        self._lock = asyncio.Lock()
        self._seen = self._stamp()
        self._warned: set[tuple[str, int]] = set()

    def wake(self) -> None:
        """Look now, whether or not anything seems to have changed."""
        self._asked.set()

    async def run(self) -> None:
        """Follow the files, until cancelled."""
        await asyncio.to_thread(self._load)  # so that a change costs no more than the file it is in
        while True:
            self.warn_of_years()
            try:
                async with asyncio.timeout(POLL):
                    await self._asked.wait()
            except TimeoutError:
                pass
            asked = self._asked.is_set()
            self._asked.clear()
            stamp = await asyncio.to_thread(self._stamp)
            if asked or stamp != self._seen:
                await self.reload("SIGHUP" if asked else CONFIGURATION, stamp)

    async def reload(self, actor: str, stamp: object = None) -> Reloaded:
        """Read the files and journal what differs. With mistakes in them everything stays as it is."""
        async with self._lock:
            self._seen = stamp if stamp is not None else await asyncio.to_thread(self._stamp)
            rulebook, names, problems = await asyncio.to_thread(self._load)
            now = self._clock.now()
            if problems:
                self.last = Reloaded(now, actor, 0, tuple(problems))
                lang: Lang = self.project.settings.language
                log.error(
                    "rules not reloaded: the rules before stay in force", actor=actor, count=len(problems),
                    problems=[problem.render(lang) for problem in problems[:20]],
                )  # fmt: skip
                return self.last
            facts = rule_changes(rulebook, self.project.settings.timezone, self._engine, actor)
            try:
                if facts:
                    await self.journal(facts)
            except StoreError as error:
                self._seen = None  # tried again at the next look
                log.warning("rules not reloaded: the journal cannot take them now", error=error)
                return self.last
            self.project = replace(self.project, rulebook=rulebook, names=names)
            self.last = Reloaded(now, actor, len(facts))
            if facts:
                log.info("rules reloaded", actor=actor, changed=[_name(fact) for fact in facts[:20]], count=len(facts))
            return self.last

    def _load(self) -> tuple[Rulebook, Names, list[Problem]]:
        """In a thread. Files that are as they were are not read again."""
        project, settings = self.project, self.project.settings
        lookups = load_lookups(settings.codes, settings.fences)
        name = calendar_name(settings.calendar, settings.timezone)
        calendar = load_calendar(settings.calendars, name, str(project.file), lookups.problems)
        names = Names(project.names.points, lookups.codes, lookups.fences, calendar)
        if replace(names, points={}) != replace(project.names, points={}):
            self._files.clear()
        if lookups.problems:
            return Rulebook(), names, list(lookups.problems)
        rulebook = load_rulebook(settings.rules, names, self._files)
        document = read_document(project.file, os.environ)
        found = Findings()
        check_rules(found, document, settings, rulebook, project.templates, settings.templates)
        return rulebook, names, [*rulebook.problems, *found.problems]

    def warn_of_years(self) -> None:
        """Log once that rules go by a calendar which does not know this year, or soon the next."""
        today = from_us(self._clock.now()).date()
        actives = [rule.active for rule in self.project.rulebook.rules.values()]
        for calendar in {one.calendar for one in actives if one is not None and one.calendar is not None}:
            unknown, provisional = calendar.open_years(today)
            for year in (*unknown, *provisional):
                if (calendar.name, year) not in self._warned:
                    self._warned.add((calendar.name, year))
                    known = "no official list yet" if year in provisional else "Monday to Friday count as workdays"
                    log.warning("calendar incomplete", calendar=calendar.name, year=year, known=known)

    def _stamp(self) -> object:
        """Changes with the rule files, code tables, fences and the calendar."""
        settings = self.project.settings
        calendar = calendar_file(settings.calendars, calendar_name(settings.calendar, settings.timezone))
        places = [calendar, settings.fences, *_inside(settings.rules), *_inside(settings.codes)]
        return [(str(path), *stamp) for path in places if (stamp := _stat(path)) is not None]


def _name(fact: Fact) -> str:
    return fact.id if isinstance(fact, RuleSet | RuleGone) else "policy"


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"})
    except OSError:
        return []


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
