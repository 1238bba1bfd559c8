"""Access to the database for a command on the same machine, with or without a running gateway."""

import getpass
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway import expected_stores
from gateway.database_config import DatabaseConfig
from gateway.domain.duration import HOUR, SECOND
from gateway.domain.errors import StoreError, StoreUnavailable
from gateway.domain.workorder import Role
from gateway.expected_stores import DATABASE, JOURNAL
from gateway.lock import FileLock
from gateway.store.database import Database
from gateway.store.keys_and_callbacks import ApiKeys
from gateway.store.security_audit import AuditedAct

TEMPORARY_KEY_LIFE: Final = 12 * HOUR
"""Lifetime of a key for one command, if the command does not delete it."""


def local_actor() -> str:
    """Name of the local user for the audit, `local:NAME`: access came by file permissions, not by an API key."""
    try:
        return f"local:{getpass.getuser()}"
    except (KeyError, OSError):  # a user without a name, as in a container
        return "local"


@dataclass(frozen=True, slots=True)
class DatabasePlace:
    """Where the database of an installation is: a file of its data folder, or a schema of a server."""

    data: Path
    config: DatabaseConfig

    @property
    def file(self) -> Path | None:
        """The file; None for a server."""
        return self.data / DATABASE if self.config.embedded else None

    def __str__(self) -> str:
        """For messages, without a password."""
        config = self.config
        return str(self.file) if config.embedded else f"PostgreSQL {config.address}, {config.schema_name}"

    def exists(self) -> bool:
        """True if this installation has been started with it. Connects to nothing. Raises StoreError."""
        if self.file is not None:
            return self.file.is_file()
        return expected_stores.SERVER in expected_stores.expected(self.data)

    def open(self) -> Database:
        """Raises StoreError when the driver is missing."""
        return Database(self.config) if self.file is None else Database.at(self.file)


@contextmanager
def local_database(place: DatabasePlace, command: str) -> Iterator[Database]:
    """The database, for reading and writing. If no gateway runs, none can start meanwhile; if one runs, both write.

    Raises StoreError when there is no database, or the running gateway is of another release.
    """
    if not place.exists():
        raise StoreError.of("store.nothing_here", path=place.data)
    lock: FileLock | None = None
    with suppress(StoreUnavailable):  # a gateway, or an import, has it: the database lets one write after the other
        lock = FileLock(place.data / JOURNAL, command)
    database = place.open()
    try:
        if lock is not None and alone(database):
            database.upgrade()
        elif database.plan().pending:
            raise StoreError.of("store.beside_older", path=place)
        yield database
    finally:
        database.dispose() if lock is None else database.close()
        if lock is not None:
            lock.release()


def alone(database: Database) -> bool:
    """True if no gateway writes the database, on whatever machine; none can start on it before it is closed."""
    return database.server is None or database.server.hold()


def hold(database: Database) -> None:
    """Raises StoreUnavailable with the name of the gateway that writes the database, on whatever machine."""
    if not alone(database) and database.server is not None:
        raise database.server.held_by_another(database.query)


@contextmanager
def temporary_key(keys: ApiKeys, file: Path, role: Role, command: str) -> Iterator[str]:
    """The key in `file` if it is valid; else a key for this command alone, deleted at the end.

    Anyone who may write the database could make one. Raises StoreError when it cannot be written.
    """
    now = time.time_ns() // 1000
    try:
        kept = file.read_text("utf-8").strip()
    except FileNotFoundError:
        kept = ""
    if kept and keys.verify(kept, now) is not None:
        yield kept
        return
    name, actor = f"{command}-{now // SECOND}-{secrets.token_hex(3)}", local_actor()
    made = AuditedAct(now, actor, "", "key.create", name, f"{role.value} for {command}")
    secret, _ = keys.create(name, role, now, expires_at=now + TEMPORARY_KEY_LIFE, act=made)
    try:
        yield secret
    finally:
        later = time.time_ns() // 1000
        keys.delete(name, AuditedAct(later, actor, "", "key.revoke", name, f"end of {command}"))
