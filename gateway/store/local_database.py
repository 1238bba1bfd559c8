"""Access to the database for a command on the same machine, with or without a running gateway."""

import getpass
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

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


@contextmanager
def local_database(data: Path, command: str) -> Iterator[Database]:
    """The database, for reading and writing. If no gateway runs, none can start meanwhile; if one runs, both write.

    Raises StoreError when there is no database, or the running gateway is of another release.
    """
    file = data / DATABASE
    if not file.is_file():
        raise StoreError.of("store.nothing_here", path=data)
    lock: FileLock | None = None
    with suppress(StoreUnavailable):  # a gateway, or an import, has it: SQLite lets one write after the other
        lock = FileLock(data / JOURNAL, command)
    database = Database.at(file)
    try:
        if lock is not None:
            database.upgrade()
        elif database.plan().pending:
            raise StoreError.of("store.beside_older", path=file)
        yield database
    finally:
        database.dispose() if lock is None else database.close()
        if lock is not None:
            lock.release()


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
