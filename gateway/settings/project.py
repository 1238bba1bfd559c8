"""The whole configuration, read and checked together: `fieldgate check` and `fieldgate run` use the same function."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from pydantic import ValidationError

from gateway.adapter_ports import SourceServices
from gateway.adapters import SOURCES
from gateway.desk.notice_templates import NoticeTemplate
from gateway.desk.sla import SlaPolicies
from gateway.desk.sla.policy import NO_POLICIES
from gateway.domain.device import AsSent, Device, PointSpec, Profile
from gateway.domain.errors import ConfigError, Problem
from gateway.domain.language_values import Phrase
from gateway.domain.no_data_texts import is_no_data
from gateway.domain.text import Lang
from gateway.ports import Clock, Directory, LastIds, ReceiptLedger, RegistryContents
from gateway.registry import DeclaredInventory, difference
from gateway.settings.allowed_commands import AllowedCommands, check_allowed, load_commands
from gateway.settings.calendars import calendar_name, load_calendar
from gateway.settings.code_tables_and_fences import load_lookups
from gateway.settings.crosscheck import ProjectFindings, check_references, check_settings
from gateway.settings.desk_files import DeskFiles, DeskPaths, check_desk_files, load_desk_files
from gateway.settings.foreign_paths import foreign_paths
from gateway.settings.inventory import Inventory, load_inventory, zones
from gateway.settings.model import Settings, anchored
from gateway.settings.named_state_texts import Named, named_texts
from gateway.settings.offline_placeholders import fill_in
from gateway.settings.profiles import LoadedProfile, load_profiles, vocabulary
from gateway.settings.rulebook import Rulebook, RuleFiles, load_rulebook
from gateway.settings.sla import read_sla
from gateway.settings.templates import load_templates
from gateway.settings.validation_messages import located, problems_of
from gateway.settings.yaml_document import Document, read_document
from rules.compiled import Names


@dataclass(frozen=True, slots=True)
class Project:
    """A configuration without problems. `maps`: section of profiles (`modbus`) -> profile -> the adapter's result;
    paths in `settings` are absolute. `env` is the source of `${NAME}`, None = the environment of this process; `places`
    as of `ProjectReport`; `filled` are placeholders for values that are missing here and not needed without
    connections."""

    file: Path
    settings: Settings
    profiles: Mapping[str, LoadedProfile]
    maps: Mapping[str, Mapping[str, Any]]
    names: Names
    declared: DeclaredInventory
    rulebook: Rulebook
    templates: Mapping[str, NoticeTemplate]
    warnings: tuple[Problem, ...] = ()
    env: Mapping[str, str] | None = field(default=None, repr=False)
    places: tuple[Path, ...] = ()
    filled: tuple[Problem, ...] = ()
    commands: AllowedCommands = field(default_factory=AllowedCommands)
    sla: SlaPolicies = NO_POLICIES
    desk_files: DeskFiles = field(default_factory=DeskFiles)

    @property
    def vocabulary(self) -> Mapping[str, Mapping[str, PointSpec]]:
        """Kind of device -> its points, in canonical units."""
        return self.names.points

    def as_sent(self, profile: str) -> Mapping[str, AsSent]:
        """Format in which devices of a profile send each point; empty for an unknown profile. A word such as `unknown`
        is a state when a rule compares with it."""
        one = self.profiles.get(profile)
        found = {} if one is None else one.as_sent()
        for name, sent in found.items():
            if words := tuple(text for text in self.declared.texts.get((profile, name), ()) if is_no_data(text)):
                found[name] = replace(sent, values=(*sent.values, *words))
        return found

    def counts(self) -> dict[str, int]:
        """Counts of all items, for a summary. Points are those the registry will have."""
        points = difference(RegistryContents((), (), (), ()), self.declared, 0, LastIds()).rows.points
        return {
            "sites": len(self.declared.sites),
            "customers": len(self.declared.customers),
            "devices": len(self.declared.devices),
            "points": len(points),
            "profiles": len(self.profiles),
            "rules": len(self.rulebook.rules),
            "sources": len(self.settings.sources),
            "endpoints": len(self.settings.endpoints),
        }

    def services(
        self,
        name: str,
        directory: Directory,
        ledger: ReceiptLedger,
        clock: Clock,
        devices: Callable[[], Iterable[Device]],
    ) -> SourceServices:
        """Services for the source `name`; `devices` lists those of the registry."""
        owned = SOURCES[self.settings.sources[name].type].profile_map
        return SourceServices(
            str(self.file),
            directory,
            ledger,
            clock,
            devices,
            self.maps[owned.section] if owned else {},
            {profile: self.as_sent(profile) for profile in self.profiles},
            self.settings.data_dir / "sessions",
            self.settings.history.retention,
            self.settings.language,
            self.settings.timezone,
            {site.code: site.timezone for site in self.declared.sites if site.timezone},
            self.commands.forms_of(name),
        )


@dataclass(slots=True)
class ProjectReport:
    """Result of a check: a project, or the problems that prevent one. `language` is the language of the report, `notes`
    are placeholders the sources can fill."""

    language: Lang
    project: Project | None = None
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    notes: list[Phrase] = field(default_factory=list)
    places: tuple[Path, ...] = ()
    """All files and folders that were read: a change in one of them requires a new check."""

    def add(self, findings: ProjectFindings, document: Document) -> None:
        """Findings of the checks across files; what is wrong in the main file at the same place comes first."""
        named = {p.path for p in document.problems}
        self.problems += [p for p in findings.problems if p.file != document.file or p.path not in named]
        self.warnings += findings.warnings
        self.notes = findings.notes


def load_project(path: Path, env: Mapping[str, str] | None = None, *, offline: bool = False) -> Project:
    """Read `gateway.yaml` and every file it names. Raises ConfigError with all problems of all files. `offline` as for
    `inspect_project`."""
    report = inspect_project(path, env, offline=offline)
    if report.project is None:
        raise ConfigError(report.problems)
    return report.project


def load_settings(path: Path, env: Mapping[str, str] | None = None) -> Settings:
    """Only `gateway.yaml`, with absolute paths, for callers without sources and endpoints: their secrets need not exist
    here. Raises ConfigError."""
    document = read_document(path, os.environ if env is None else env)
    fill_in(document, path.parent)
    settings = _settings(document)
    if settings is None or document.problems:
        raise ConfigError(_sorted(document.problems))
    return _completed(anchored(settings, path.parent))


def inspect_project(
    path: Path, env: Mapping[str, str] | None = None, known: RuleFiles | None = None, *, offline: bool = False
) -> ProjectReport:
    """Like `load_project`, with the warnings, and without raising. `env` None = the environment of this process;
    `known` are the rule files of the last check. `offline`: values needed only for connections may be missing."""
    document = read_document(path, os.environ if env is None else env)
    filled = fill_in(document, path.parent, database=True) if offline else ()
    settings = None if (bare := _settings(document)) is None else _completed(anchored(bare, path.parent))
    files = _Files.of(document.value, path.parent)
    report = ProjectReport(files.language, places=files.places(path))
    if document.value is None:  # no settings: no further check is possible
        report.problems = document.problems
        return report
    profiles, wrong = load_profiles(files.profiles)
    whole, plain = not wrong, [one.profile for one in profiles.values()]
    words, disagreements = vocabulary(plain, {one.profile.id: one.file for one in profiles.values()})
    maps, wrong_maps = _maps(profiles)
    allowed, wrong_forms = load_commands(profiles, {} if settings is None else settings.sources)
    wrong = [*wrong, *disagreements, *wrong_maps, *wrong_forms]
    inventory = load_inventory(
        files.sites, files.customers, files.devices, {p.id: p for p in plain}, files.zone, profiles_whole=whole
    )
    templates, wrong_templates = load_templates(files.templates)
    lookups = load_lookups(files.codes, files.fences)
    calendar = load_calendar(files.calendars, files.calendar, str(path), lookups.problems)
    names = Names(words, lookups.codes, lookups.fences, calendar)
    rulebook = load_rulebook(files.rules, names, known) if whole and not lookups.problems else Rulebook()
    desk_files = load_desk_files(files.desk)
    sla = read_sla(document, settings, files.zone, calendar, files.calendars, templates)
    report.problems = [*document.problems, *wrong, *sla.problems, *inventory.problems, *wrong_templates]
    report.problems += [*lookups.problems, *rulebook.problems, *desk_files.problems]
    report.warnings = [*inventory.warnings, *sla.warnings]
    if settings is not None:
        findings = check_settings(document, settings)
        if whole:  # otherwise points of a profile that did not load would be reported wherever they are used
            check_references(findings, document, settings, profiles, inventory, rulebook, templates, files.templates)
            findings.problems += check_allowed(document, allowed, inventory.devices)
            findings.problems += check_desk_files(desk_files, settings, inventory, words, rulebook)
        report.add(findings, document)
    report.problems = _sorted(_without_wrong_names(report.problems, document))
    report.warnings = _sorted(report.warnings)
    if settings is not None and not report.problems:
        report.project = Project(
            path,
            settings,
            profiles,
            maps,
            names,
            _declared(inventory, plain, named_texts(plain, maps, settings, rulebook.rules.values())),
            rulebook,
            templates,
            tuple(report.warnings),
            env,
            report.places,
            filled,
            allowed,
            sla.policies,
            desk_files,
        )
    return report


def _without_wrong_names(problems: list[Problem], document: Document) -> list[Problem]:
    """A path of another system is one problem, not a missing file as well."""
    names = tuple(str(p.fields["path"]) for p in document.problems if p.key == "config.path.windows")
    return [p for p in problems if not (names and p.file.endswith(names))]


def _settings(document: Document) -> Settings | None:
    """The validated tree, or None and problems in the document."""
    if not isinstance(document.value, dict):
        if not document.problems:
            kind = "nothing" if document.value is None else type(document.value).__name__
            document.add((), "config.yaml.not_mapping", value=kind)
        document.value = None
        return None
    try:
        settings = Settings.model_validate(document.value)
        document.problems += foreign_paths(settings, document)
        return settings
    except ValidationError as error:
        named = {
            problem.path for problem in document.problems
        }  # an unreplaced ${NAME} causes a second, less useful problem
        document.problems += [p for p in problems_of(error, document, Settings) if p.path not in named]
        return None


def _completed(settings: Settings) -> Settings:
    """Settings written once are copied to all sections that use them."""
    intake = settings.intake.model_copy(
        update={"ahead_limit": settings.clock.ahead_limit, "patience": settings.clock.patience}
    )
    return settings.model_copy(update={"intake": intake})


@dataclass(frozen=True, slots=True)
class _Files:
    """Locations of the other files, as far as a faulty main file gives them: their problems are reported together with
    its own."""

    sites: Path | None
    customers: Path | None
    devices: Path | None
    profiles: Path
    rules: Path
    templates: Path | None
    codes: Path
    fences: Path
    calendars: Path
    desk: DeskPaths
    calendar: str
    zone: str
    language: Lang

    @classmethod
    def of(cls, value: Any, base: Path) -> "_Files":
        """Locations from the raw tree."""
        tree: dict[Any, Any] = value if isinstance(value, dict) else {}
        lists = tree.get("registry")
        lists = lists if isinstance(lists, dict) else {}

        def path(owner: Mapping[Any, Any], key: str) -> Path | None:
            text = owner.get(key)
            return base / text if isinstance(text, str) and text else None

        zone = tree.get("timezone")
        zone = zone if isinstance(zone, str) and zone in zones() else "UTC"
        return cls(
            path(lists, "sites"),
            path(lists, "customers"),
            path(lists, "devices"),
            path(tree, "profiles") or base / "profiles",
            path(tree, "rules") or base / "rules",
            path(tree, "templates"),
            path(tree, "codes") or base / "codes",
            path(tree, "fences") or base / "fences.yaml",
            path(tree, "calendars") or base / "calendars",
            DeskPaths.of(tree, base),
            calendar_name(tree.get("calendar"), zone),
            zone,
            "en" if tree.get("language") == "en" else "zh",
        )

    def places(self, main: Path) -> tuple[Path, ...]:
        """All locations; `main` names the files."""
        named = (main, self.sites, self.customers, self.devices, self.templates)
        folders = (self.profiles, self.rules, self.codes, self.calendars)
        return (*(path for path in named if path is not None), self.fences, *folders, *self.desk.places())


def _maps(profiles: Mapping[str, LoadedProfile]) -> tuple[dict[str, dict[str, Any]], list[Problem]]:
    """Sections of profiles, each read by its adapter."""
    maps: dict[str, dict[str, Any]] = {}
    problems: list[Problem] = []
    for owned in (adapter.profile_map for adapter in SOURCES.values()):
        if owned is None:
            continue
        read = maps[owned.section] = {}
        for name, one in profiles.items():
            if (section := one.sections.get(owned.section)) is None:
                continue
            try:
                read[name] = owned.load(section, one.profile, one.file, one.declared)
            except ConfigError as error:
                document = one.document or Document(one.file)
                problems += [located(problem, document) for problem in error.problems]
    return maps, problems


def _declared(inventory: Inventory, profiles: list[Profile], texts: Named) -> DeclaredInventory:
    return DeclaredInventory(
        tuple(inventory.sites.values()),
        tuple(inventory.customers.values()),
        tuple(inventory.devices.values()),
        tuple(profiles),
        texts,
    )


def _sorted(problems: list[Problem]) -> list[Problem]:
    """Problems by file in reading order, then by line."""
    order: dict[str, int] = {}
    for problem in problems:
        order.setdefault(problem.file, len(order))
    return sorted(problems, key=lambda p: (order[p.file], p.line))
