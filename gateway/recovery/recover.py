"""`fieldgate recover`: what is damaged is moved aside, what can be read is kept, what the journal holds is made again.

The journal decides: rows of the registry come out of its definitions and facts, readings are stored again from it, the
engine is replayed by the next start. Numbers are never given twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, insert, select

from gateway import expected_stores
from gateway.desk import Desk
from gateway.domain.duration import iso
from gateway.domain.error_reasons import library_text
from gateway.domain.errors import StoreError, StoreUnavailable
from gateway.expected_stores import DATABASE, JOURNAL
from gateway.lock import FileLock
from gateway.recovery import journal_repair, registry_rebuild, salvage_rows, series_segments
from gateway.recovery.move_aside import move_aside
from gateway.store import Database, SqlDeskStore, integrity_check, tables
from sinks.series.duckdb.segment import NAMES


@dataclass(slots=True)
class RecoveryReport:
    """Result: texts of the catalogue, in order. `losses`: something is lost."""

    lines: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    losses: bool = False

    def add(self, key: str, **fields: object) -> None:
        """Add a line."""
        self.lines.append((key, fields))

    def add_loss(self, key: str, **fields: object) -> None:
        """Add a line about a loss."""
        self.losses = True
        self.add(key, **fields)


def recover(data: Path, tenant: str, partition: int) -> RecoveryReport:
    """Repair everything in `data`; the next start does the rest. Raises StoreUnavailable while another process holds
    it, StoreError for files of another program or a newer release."""
    lock = FileLock(data / JOURNAL, "recover")
    try:
        return _recover(data, tenant, partition)
    finally:
        lock.release()


def _recover(data: Path, tenant: str, partition: int) -> RecoveryReport:
    report = RecoveryReport()
    path, folder = data / DATABASE, (data / expected_stores.FILES["series"]).parent
    expected = _expected(data, report)
    if not expected and not any((data / file).exists() for file in expected_stores.FILES.values()):
        raise StoreError.of("store.nothing", path=data)
    folder.mkdir(exist_ok=True)
    rebuilt = _database(path, report, missed="database" in expected)
    database = Database.at(path)
    try:
        database.upgrade()
        replay = _segments(folder, report, missed="series" in expected)
        consumed = max(
            Desk(SqlDeskStore(database), partition=partition).cursor(), series_segments.cursor(folder, partition)
        )
        journal = data / JOURNAL
        epoch = database.query(lambda c: c.scalar(select(func.max(tables.cursor.c.epoch)))) or 0
        repair = journal_repair.repair(journal, partition, consumed, epoch=epoch, missed="journal" in expected)
        _journal(repair, journal, report)
        if rebuilt and (count := registry_rebuild.restore(database, journal, tenant)):
            report.add("recover.registry", count=count)
        if rebuilt:
            _position(database, partition, report)
        if repair.emptied and (count := registry_rebuild.queue_facts(database, tenant)):
            report.add("recover.told", count=count)
        stored = series_segments.cursor(folder, partition)
        if stored < repair.floor and not replay:
            report.add_loss("recover.series.behind", cursor=stored, floor=repair.floor)
        if replay or stored < repair.floor:
            series_segments.rewind(folder, partition, repair.floor)
            report.add("recover.replay", floor=repair.floor, since=iso(repair.since) if repair.since else "-")
    finally:
        database.close()
    (data / expected_stores.NAME).unlink(missing_ok=True)  # the next start writes what is there now
    return report


def _expected(data: Path, report: RecoveryReport) -> dict[str, int]:
    try:
        return expected_stores.expected(data)
    except StoreError as error:
        report.add("recover.marker", aside=move_aside(data / expected_stores.NAME), error=error)
        return dict.fromkeys(expected_stores.FILES, 0)


def _database(path: Path, report: RecoveryReport, *, missed: bool) -> bool:
    """Repair the database; True if it is a new one."""
    fresh = path.with_name(path.name + ".recovering")
    if not path.exists() and fresh.exists() and not integrity_check.find_damage(fresh):
        fresh.rename(path)  # a recovery was cut off in its last step
        return True
    if not path.exists():
        if missed:
            report.add_loss("recover.database.missing", path=path)
        return missed
    what = integrity_check.find_damage(path)
    if not what:
        return False
    for suffix in ("", "-wal", "-shm"):
        fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)
    found = salvage_rows.salvage(path, fresh)
    aside = move_aside(path, "-wal", "-shm")
    fresh.rename(path)
    report.add("recover.database.damaged", path=path, what=library_text(what), aside=aside)
    for table, (kept, bad) in found.items():
        if bad:
            report.add_loss("recover.table", table=table, kept=kept, bad=bad)
    report.add("recover.rows", count=sum(kept for kept, _ in found.values()))
    return True


def _position(database: Database, partition: int, report: RecoveryReport) -> None:
    """Set the desk's cursor. Without one, it is set after the newest alarm; without alarms, everything is evaluated
    again."""
    if Desk(SqlDeskStore(database), partition=partition).cursor():
        return
    alarms = database.query(lambda c: list(c.scalars(select(tables.alarm.c.id))))
    seq = registry_rebuild.newest_alarm(alarms)
    if not seq:
        report.add_loss("recover.orders")
        return
    row = {"partition": partition, "seq": seq, "ordinal": 2**31 - 1, "epoch": 0}
    database.transact(lambda c: c.execute(insert(tables.cursor), [row]))
    report.add("recover.position", seq=seq)


def _segments(folder: Path, report: RecoveryReport, *, missed: bool) -> bool:
    """Repair the segments; True if readings must be stored again."""
    replay = missed and not (folder / NAMES).exists()
    if replay:
        report.add_loss("recover.segment.missing", path=folder)
    series_segments.finish(folder)
    for name in _listed(folder, report):
        report.add_loss("recover.segment.missing", path=folder / f"{name}.duckdb")
        replay = True
    for path in sorted(folder.glob("*.duckdb")):
        if what := series_segments.damage(path):
            if what == "locked":
                raise StoreUnavailable.of("store.segment.locked", path=path, what="-")
            aside, kept, gone = series_segments.replace(path)
            report.add_loss(
                "recover.segment.damaged", path=path, what=library_text(what), aside=aside, kept=kept, lost=_count(gone)
            )
            replay = True
    return replay or not (folder / NAMES).exists()


def _listed(folder: Path, report: RecoveryReport) -> list[str]:
    try:
        return series_segments.listed(folder)
    except StoreError as error:
        report.add("recover.marker", aside=move_aside(folder / NAMES), error=error)
        return []


def _count(number: int) -> str:
    return "?" if number < 0 else str(number)


def _journal(repair: "journal_repair.JournalRepair", path: Path, report: RecoveryReport) -> None:
    if repair.missed:
        report.add_loss("recover.journal.missing", path=path)
    if repair.aside is not None:
        report.add("recover.journal.damaged", path=path, aside=repair.aside, kept=repair.kept)
    for gap in _named(repair.gaps):
        report.add_loss("recover.journal.lost", **gap)
    if repair.skipped:
        report.add("recover.journal.skipped", head=repair.head)


def _named(gaps: "tuple[journal_repair.Gap, ...]") -> Iterator[dict[str, object]]:
    for gap in gaps:
        since, until = (iso(at) if at else "-" for at in (gap.since, gap.until))
        yield {"first": gap.first, "last": gap.last, "since": since, "until": until}
