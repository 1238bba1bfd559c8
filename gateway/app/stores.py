"""The stores on disk, opened in a fixed order and compared with each other before anything runs."""

import getpass
import os
import stat
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import structlog

from gateway import expected_stores
from gateway.adapters import SERIES
from gateway.consumers import Snapshots
from gateway.desk import Desk
from gateway.domain.error_reasons import library_text, reason
from gateway.domain.errors import StoreError
from gateway.domain.record import Define, RecordKind
from gateway.expected_stores import DATABASE, JOURNAL
from gateway.journal import SqliteJournal
from gateway.lock import FileLock
from gateway.ports import Clock, SeriesStore
from gateway.registry import Registry
from gateway.settings.model import Settings, store_name
from gateway.store import Database, Repositories, SqlDeskStore, SqlRegistryStore
from gateway.store.integrity_check import find_damage, identity

log = structlog.get_logger()
LOOK = 3.0  # seconds a start looks for damage in the database; `fieldgate check --data` looks at all of it
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


def open_stores(settings: Settings, clock: Clock, lock: FileLock, opened: ExitStack) -> OpenStores:
    """Open all stores; `opened` closes them. Raises StoreError for a store that is missing, damaged, from another
    installation, or behind the others."""
    data, partition = settings.data_dir, settings.partition
    expected_stores.check_present(data)
    database = _database(data / DATABASE)
    opened.callback(database.dispose)
    series = SERIES[settings.history.type].build(data, settings.history, clock)
    opened.callback(series.close)
    stored = series.cursor(partition)
    consumed = max(Desk(SqlDeskStore(database), partition=partition).cursor(), stored)
    path = data / JOURNAL
    journal = SqliteJournal(path, settings.journal, partition=partition, consumed=consumed, lock=lock)
    opened.callback(journal.close)
    if stored < (floor := journal.stats().floor) and SERIES[settings.history.type].files is not None:
        raise StoreError.of("store.series.behind", path=data / "series", cursor=stored, floor=floor)
    identities = {"database": identity(data / DATABASE), "journal": journal.identity}
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


def _database(path: Path) -> Database:
    """Check the database and migrate it to this release."""
    if path.exists() and (what := find_damage(path, LOOK)):
        raise StoreError.of("store.damaged", path=path, what=library_text(what))
    database = Database.at(path)
    database.upgrade()
    return database


def _definitions(journal: SqliteJournal) -> list[Define]:
    """All definitions of the journal, in order."""
    found: list[Define] = []
    after = 0
    while records := journal.kept(RecordKind.DEFINE, after, KEPT):
        found += [record.body for record in records]  # type: ignore[misc] # asked for
        after = records[-1].seq
    return found
