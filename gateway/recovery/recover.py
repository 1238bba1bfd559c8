"""`fieldgate recover`: what is damaged is moved aside, what can be read is kept, what the journal holds is made again.

The journal decides: rows of the registry come out of its definitions and facts, readings are stored again from it, the
engine is replayed by the next start. Numbers are never given twice.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import func, insert, select

from gateway import expected_stores
from gateway.adapter_ports import RecoveryReport, SeriesFiles
from gateway.adapters import SERIES
from gateway.clock import SystemClock
from gateway.desk import Desk
from gateway.domain.duration import iso
from gateway.domain.error_reasons import library_text
from gateway.domain.errors import StoreError
from gateway.durable import move_aside
from gateway.expected_stores import JOURNAL
from gateway.lock import FileLock
from gateway.recovery import journal_repair, registry_rebuild, salvage_rows, series_stores
from gateway.settings.model import Settings, store_name
from gateway.store import Database, DatabasePlace, SqlDeskStore, hold, integrity_check, tables


def recover(settings: Settings) -> RecoveryReport:
    """Repair everything in `data_dir`; the next start does the rest. Raises StoreUnavailable while another process
    holds it, StoreError for files of another program or a newer release."""
    lock = FileLock(settings.data_dir / JOURNAL, "recover")
    try:
        return _recover(settings)
    finally:
        lock.release()


def _recover(settings: Settings) -> RecoveryReport:
    report = RecoveryReport()
    data, tenant, partition = settings.data_dir, settings.tenant, settings.partition
    place, series = (
        DatabasePlace(data, settings.database),
        [files for _, files in series_stores.in_data_folder(settings)],
    )
    expected = _expected(data, report)
    if not expected and not any((data / file).exists() for file in expected_stores.FILES.values()):
        raise StoreError.of("store.nothing", path=data)
    expected_stores.check_database(data, embedded=place.config.embedded)
    rebuilt = place.file is not None and _database(place.file, report, missed="database" in expected)
    database = place.open()
    try:
        if database.server is not None:
            report.add("database.recover.elsewhere", place=place)
            hold(database)
        database.upgrade()
        replay = [files.repair(report, missed="series" in expected) for files in series]
        stored = max([files.cursor(partition) for files in series], default=0)
        consumed = max(Desk(SqlDeskStore(database), partition=partition).cursor(), stored, _elsewhere(settings, report))
        journal = data / JOURNAL
        epoch = database.query(lambda c: c.scalar(select(func.max(tables.cursor.c.epoch)))) or 0
        repair = journal_repair.repair(journal, partition, consumed, epoch=epoch, missed="journal" in expected)
        _journal(repair, journal, report)
        if database.server is not None:
            rebuilt = True  # of a dump that is older than the journal, rows may be missing
            database.claim(0)  # by the journal that is here now
        if rebuilt and (count := registry_rebuild.restore(database, journal, tenant)):
            report.add("recover.registry", count=count)
        if rebuilt and database.server is None:
            _position(database, partition, report)
        if repair.emptied and (count := registry_rebuild.queue_facts(database, tenant)):
            report.add("recover.told", count=count)
        for files, again in zip(series, replay, strict=True):
            _readings(files, partition, repair, report, again=again)
    finally:
        database.close()
    (data / expected_stores.NAME).unlink(missing_ok=True)  # the next start writes what is there now
    return report


def _elsewhere(settings: Settings, report: RecoveryReport) -> int:
    """The highest cursor of the stores that are not in the data folder: no number may come again that they have."""
    newest = 0
    for config in series_stores.elsewhere(settings):
        report.add("recover.series.elsewhere", name=store_name(config))
        try:
            with closing(SERIES[config.type].build(settings.data_dir, config, SystemClock())) as store:
                newest = max(newest, store.cursor(settings.partition))
        except StoreError as error:
            report.add("recover.series.unreachable", name=store_name(config), error=error)
    return newest


def _readings(
    files: SeriesFiles, partition: int, repair: "journal_repair.JournalRepair", report: RecoveryReport, *, again: bool
) -> None:
    """Let the next start store what the journal still holds, when something is missing."""
    stored = files.cursor(partition)
    if stored < repair.floor and not again:
        report.add_loss("recover.series.behind", cursor=stored, floor=repair.floor)
    if again or stored < repair.floor:
        files.rewind(partition, repair.floor)
        report.add("recover.replay", floor=repair.floor, since=iso(repair.since) if repair.since else "-")


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
