"""Rule files given to a command, and the project files around them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.domain.device import Customer, Site
from gateway.domain.error_reasons import reason
from gateway.domain.errors import Problem
from gateway.domain.workdays import WorkCalendar

if TYPE_CHECKING:
    from rules.compiled import Names
    from rules.format import Loaded, Model, TestFile

_SUFFIXES = {".yaml", ".yml"}


@dataclass(frozen=True, slots=True)
class RuleProject:
    """Project files around rule files. `units` are the units written in the profiles, by kind and point; `models` the
    profiles by id."""

    names: "Names"
    units: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    sites: tuple[Site, ...] = ()
    customers: tuple[Customer, ...] = ()
    models: "Mapping[str, Model]" = field(default_factory=dict)

    def around(self, tests: "TestFile") -> "TestFile":
        """Tests of a file with the data of this project. Data in the file itself takes precedence."""
        return replace(
            tests,
            units=tests.units if tests.own else self.units,
            sites=tests.sites or self.sites,
            customers=tests.customers or self.customers,
            models={} if tests.own else self.models,
        )


def unique(problems: Sequence[Problem]) -> list[Problem]:
    """Problems without repeats: a file used by several rule files is read for each of them."""
    return list({(one.file, one.line, one.path, one.key): one for one in problems}.values())


def files(paths: Sequence[Path], problems: list[Problem]) -> list[Path]:
    """Files of `paths`; a folder stands for all its .yaml files."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(one for one in path.rglob("*") if one.suffix in _SUFFIXES)
        elif path.is_file():
            found.append(path)
        else:
            problems.append(Problem(str(path), "", "casetest.file", {}))
    return list(dict.fromkeys(found))


def near(file: Path) -> Path | None:
    """`config/rules/gas.yaml` -> `config/profiles`."""
    places = [parent / "profiles" for parent in file.absolute().parents[:3]]
    return next((place for place in places if place.is_dir()), None)


def project_of(folder: Path | None, problems: list[Problem]) -> "RuleProject":
    """Names for rules: profiles, and the code tables, fences and lists beside their folder."""
    from gateway.settings.calendars import load_calendar
    from gateway.settings.code_tables_and_fences import load_lookups
    from gateway.settings.inventory import load_inventory
    from gateway.settings.profiles import load_profiles, vocabulary
    from rules.compiled import Names
    from rules.format import Model

    if folder is None:
        return RuleProject(Names({}, calendar=load_calendar(Path(), "cn", "", problems)))
    loaded, wrong = load_profiles(folder)
    merged, disagreements = vocabulary([one.profile for one in loaded.values()], {k: v.file for k, v in loaded.items()})
    lookups = load_lookups(folder.parent / "codes", folder.parent / "fences.yaml")
    lists = [folder.parent / "registry" / name for name in ("sites.csv", "customers.csv")]
    sites, customers = (path if path.is_file() else None for path in lists)
    inventory = load_inventory(sites, customers, None, {}, "UTC")
    problems += [*wrong, *disagreements, *lookups.problems, *inventory.problems]
    units: dict[str, dict[str, str]] = {}
    models: dict[str, Model] = {}
    for name, one in loaded.items():
        kind = one.profile.kind
        units[kind] = {**one.declared, **units.get(kind, {})}  # of several profiles the first one, as with points
        models[name] = Model(kind, {spec.name: spec for spec in one.profile.points}, one.declared)
    names = Names(merged, lookups.codes, lookups.fences, _calendar(folder.parent, problems))
    return RuleProject(names, units, tuple(inventory.sites.values()), tuple(inventory.customers.values()), models)


def _calendar(base: Path, problems: list[Problem]) -> WorkCalendar:
    """Calendar set in `gateway.yaml`; without that file the calendar of China, so that examples can run."""
    from gateway.settings.calendars import calendar_name, load_calendar
    from gateway.settings.yaml_document import read_document

    main = base / "gateway.yaml"
    document = read_document(main) if main.is_file() else None
    settings = document.value if document is not None and isinstance(document.value, dict) else {"calendar": "cn"}
    folder = settings.get("calendars")
    name = calendar_name(settings.get("calendar"), str(settings.get("timezone")))
    place = base / folder if isinstance(folder, str) else base / "calendars"
    return load_calendar(place, name, str(main), problems)


def load(file: Path, names: "Names", problems: list[Problem]) -> "Loaded | None":
    """Load a file and append its problems to `problems`; None when it cannot be read."""
    from rules.format import load_text

    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as flaw:
        problems.append(Problem(str(file), "", "casetest.unreadable", {"reason": reason(flaw)}))
        return None
    loaded = load_text(text, str(file), names)
    problems += loaded.problems
    return loaded
