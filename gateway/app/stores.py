"""The stores on disk, opened in a fixed order and compared with each other before anything runs."""

import getpass
import os
import stat
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import structlog

from gateway import expected_stores
from gateway.adapters import SERIES
from gateway.consumers import Snapshots
from gateway.desk import Desk
from gateway.domain.error_reasons import library_text, reason
from gateway.domain.errors import StoreError, StoreUnavailable
from gateway.domain.record import Define, RecordKind
from gateway.expected_stores import DATABASE, JOURNAL
from gateway.journal import SqliteJournal
from gateway.lock import FileLock
from gateway.ports import Clock, SeriesStore
from gateway.registry import Registry
from gateway.settings.model import Settings, store_name
from gateway.store import Database, DatabasePlace, Repositories, SqlDeskStore, SqlRegistryStore, hold
from gateway.store.integrity_check import find_damage, identity

log = structlog.get_logger()
LOOK = 3.0  # seconds a start looks for damage in the database; `fieldgate check --data` looks at all of it
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
"""Seconds between two tries to reach a database server."""
NO_JOURNAL = -1
"""Identity of a journal that is not there yet."""
KEPT = 5_000  # records per read


@dataclass(frozen=True, slots=True)
class OpenStores:
    """Stores of one data folder, which holds one partition. `lock` keeps other processes out while they are open.
    `series`, with its `name`, is the store that readings are read from; further stores are opened by their
    consumers."""

    partition: int
    lock: FileLock
    name: str
    sql: Repositories
    series: SeriesStore
    journal: SqliteJournal
    registry: Registry
    snapshots: Snapshots


def open_stores(
    settings: Settings, clock: Clock, lock: FileLock, opened: ExitStack, *, wait: bool = False
) -> OpenStores:
    """Open all stores; `opened` closes them. `wait`: for a database server that does not answer, as long as it takes.
    Raises StoreError for a store that is missing, damaged, from another installation, or behind the others."""
    data, partition = settings.data_dir, settings.partition
    expected_stores.check_present(data)
    database = _database(DatabasePlace(data, settings.database), opened, wait=wait)
    series = SERIES[settings.history.type].build(data, settings.history, clock)
    opened.callback(series.close)
    stored = series.cursor(partition)
    consumed = max(Desk(SqlDeskStore(database), partition=partition).cursor(), stored)
    path = data / JOURNAL
    journal = SqliteJournal(path, settings.journal, partition=partition, consumed=consumed, lock=lock)
    opened.callback(journal.close)
    if stored < (floor := journal.stats().floor) and SERIES[settings.history.type].files is not None:
        raise StoreError.of("store.series.behind", path=data / "series", cursor=stored, floor=floor)
    identities = _identities(database, data, journal.identity)
    if any(SERIES[config.type].files is not None for config in settings.series):
        identities["series"] = 0
    expected_stores.settle(data, identities)
    registry = Registry(SqlRegistryStore(database, clock, settings.tenant), settings.tenant, clock)
    registry.recover(_definitions(journal))
    snapshots = Snapshots(data / "snapshots", partition)
    sql = Repositories.of(database, settings.tenant)
    return OpenStores(partition, lock, store_name(settings.history), sql, series, journal, registry, snapshots)


def restrict_access(data: Path) -> None:
    """Make the data folder private to this user: it holds names, phone numbers and queued messages. A folder that
    others may enter is restricted, and that is logged. Raises StoreError when another user owns it, or it cannot be
    created or written."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError.of("app.data_make", path=data, error=reason(error)) from error
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        raise StoreError.of("app.data_write", path=data, user=getpass.getuser())
    mode = stat.S_IMODE(data.stat().st_mode)
    if not mode & 0o077:
        return
    try:
        data.chmod(mode & 0o700)
    except OSError as error:
        raise StoreError.of("app.data_open", path=data, mode=f"{mode:04o}", error=reason(error)) from error
    log.warning("data_dir was open to other users: it is not any more", path=str(data), mode=f"{mode:04o}")


def _database(place: DatabasePlace, opened: ExitStack, *, wait: bool) -> Database:
    """Check the database and migrate it to this release; a server is held for this process."""
    expected_stores.check_database(place.data, embedded=place.config.embedded)
    path = place.file
    if path is not None and path.exists() and (what := find_damage(path, LOOK)):
        raise StoreError.of("store.damaged", path=path, what=library_text(what))
    database = place.open()
    opened.callback(database.dispose)
    _answering(database, wait=wait)
    hold(database)
    database.upgrade()
    if (server := database.server) is not None:  # before the journal is opened, which would only find a gap
        journal = expected_stores.expected(place.data).get("journal", NO_JOURNAL)
        database.query(lambda connection: server.check_journal(connection, journal))
    return database


def _answering(database: Database, *, wait: bool) -> None:
    """Wait for a server. The log has one line when it is away, one when it is back."""
    pause = FIRST_PAUSE
    while True:
        try:
            database.plan()
        except StoreUnavailable as error:
            if not wait or database.server is None:
                raise
            if pause == FIRST_PAUSE:
                log.error("the start waits for the database", database=str(database), error=error)
            time.sleep(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)
            continue
        if pause != FIRST_PAUSE:
            log.info("the database answers: the start goes on", database=str(database))
        return


def _identities(database: Database, data: Path, journal: int) -> dict[str, int]:
    """Store -> its identity. A server is claimed for the journal of this data folder."""
    if database.server is None:
        return {"database": identity(data / DATABASE), "journal": journal}
    found = database.claim(journal)
    if expected_stores.expected(data).get(expected_stores.SERVER, 0) not in {0, found}:
        raise StoreError.of("database.other", place=database.server.place, schema=database.server.schema)
    return {expected_stores.SERVER: found, "journal": journal}


def _definitions(journal: SqliteJournal) -> list[Define]:
    """All definitions of the journal, in order."""
    found: list[Define] = []
    after = 0
    while records := journal.kept(RecordKind.DEFINE, after, KEPT):
        found += [record.body for record in records]  # type: ignore[misc] # asked for
        after = records[-1].seq
    return found
