"""Context of `fieldgate rules check`: device lists, the registry of an installation, and the newest readings."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from gateway.domain.errors import Problem, StoreError
from gateway.ports import LastIds, RegistryContents

if TYPE_CHECKING:
    from gateway.registry import DeclaredInventory
    from gateway.settings.model import Settings
    from gateway.settings.project import Project
    from rules.compiled import Names
    from rules.engine.snapshot_image import EvaluatorImage
    from rules.lint import LintContext, RuleInventory

NEWEST = 1 << 62  # above every sequence number
NOTHING = RegistryContents((), (), (), ())


@dataclass(frozen=True, slots=True)
class RuleContext:
    """`names` are the names that rules may use; `rules` is the folder of the rules in force."""

    names: "Names"
    lint: "LintContext"
    rules: Path | None = None


def of_project(project: "Project") -> RuleContext:
    """Context from a whole configuration: its settings, and the data folder of the installation if there is one."""
    from rules.lint import LintContext

    settings = project.settings
    known = installed(settings)
    lists = _inventory(known) if known is not None and known.devices else _planned(project.declared)
    zone = settings.timezone
    today = datetime.now(ZoneInfo(zone)).date()
    context = LintContext(
        lists, settings.history.retention, newest_readings(settings.data_dir, settings.partition), zone, today
    )
    return RuleContext(project.names, context, settings.rules)


def of_folder(profiles: Path | None, names: "Names", problems: list[Problem]) -> RuleContext:
    """Context from the lists beside a folder of profiles, if there are any. It has no settings."""
    from gateway.registry import DeclaredInventory
    from gateway.settings.inventory import load_inventory
    from gateway.settings.profiles import load_profiles
    from rules.lint import LintContext

    folder = None if profiles is None else profiles.parent / "registry"
    rules = None if profiles is None else profiles.parent / "rules"
    if profiles is None or folder is None or not (folder / "devices.csv").is_file():
        return RuleContext(names, LintContext(today=datetime.now(UTC).date()), rules)
    loaded, _ = load_profiles(profiles)
    plain = [one.profile for one in loaded.values()]
    sites, customers = (path if (path := folder / name).is_file() else None for name in ("sites.csv", "customers.csv"))
    found = load_inventory(sites, customers, folder / "devices.csv", {one.id: one for one in plain}, "UTC")
    problems += [one for one in found.problems if one not in problems]
    wanted = DeclaredInventory(
        tuple(found.sites.values()), tuple(found.customers.values()), tuple(found.devices.values()), tuple(plain)
    )
    return RuleContext(names, LintContext(_planned(wanted), today=datetime.now(UTC).date()), rules)


def _planned(wanted: "DeclaredInventory") -> "RuleInventory":
    from gateway.registry import difference

    return _inventory(difference(NOTHING, wanted, 0, LastIds()).rows)


def _inventory(known: RegistryContents) -> "RuleInventory":
    from rules.lint import inventory_of

    return inventory_of(known.sites, known.customers, known.devices, known.points)


def installed(settings: "Settings") -> RegistryContents | None:
    """Registry of the installation, read only; None when there is none that this release can read now."""
    from gateway.clock import SystemClock
    from gateway.store import DatabasePlace, SqlRegistryStore

    place = DatabasePlace(settings.data_dir, settings.database)
    with suppress(StoreError):
        if place.exists():
            database = place.open()
            try:
                return SqlRegistryStore(database, SystemClock(), settings.tenant).load()
            finally:
                database.close()
    return None


def newest_readings(data: Path, partition: int) -> dict[tuple[int, str], int] | None:
    """(device id, point) -> time of its newest reading, µs, from the newest snapshot of the rule engine; None without
    one.

    Snapshots are separate files: they can be read while the gateway runs.
    """
    from gateway.consumers.snapshots import Snapshots
    from rules.engine import SnapshotError
    from rules.engine.snapshot import decode

    folder = data / "snapshots"
    if not folder.is_dir():
        return None
    with suppress(OSError):  # the gateway deletes old snapshots
        for _, blob in Snapshots(folder, partition).valid(NEWEST):
            with suppress(SnapshotError):
                image = decode(blob)
                return _newest_times([image.evaluator, *(one.evaluator for one in image.late)])
    return None


def _newest_times(evaluators: "Iterable[EvaluatorImage]") -> dict[tuple[int, str], int]:
    from rules.engine.state.snapshot_codec import array
    from rules.engine.state.thing_table import LONG_AGO

    found: dict[tuple[int, str], int] = {}
    for space in (space for one in evaluators for space in one.spaces):
        at = array(space.tables["at"])
        for column, row in zip(*(at > LONG_AGO).nonzero(), strict=True):
            key = (space.things[row].device, space.names[column])
            found[key] = max(found.get(key, LONG_AGO), int(at[column, row]))
    return found
